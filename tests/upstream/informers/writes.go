package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
)

func conflict(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	stale, err := s.createMap("x", "0")
	if err != nil {
		return err
	}
	if _, err := maps.Update(s, s.configMap("x", "0"), metav1.UpdateOptions{}); err != nil {
		return err
	}
	if _, err := maps.Update(s, s.configMap("x", "1"), metav1.UpdateOptions{}); err != nil {
		return err
	}
	_, err = maps.Update(s, stale, metav1.UpdateOptions{})
	if err := refused("an update of what has changed", err, apierrors.IsConflict); err != nil {
		return err
	}
	_, err = s.createMap("x", "0")
	if err := refused("a second one", err, apierrors.IsAlreadyExists); err != nil {
		return err
	}
	// Nothing is lost where all of them count.
	var wait sync.WaitGroup
	errs := make([]error, writers)
	patient := retry.DefaultRetry
	patient.Steps = 1000
	for w := range writers {
		wait.Go(func() {
			for range updates {
				err := retry.RetryOnConflict(patient, func() error { return increment(s) })
				errs[w] = first(errs[w], err)
			}
		})
	}
	wait.Wait()
	if err := first(errs...); err != nil {
		return err
	}
	object, err := maps.Get(s, "x", metav1.GetOptions{})
	return first(err, want("the count", object.Data["n"], strconv.Itoa(1+writers*updates)))
}

func increment(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	object, err := maps.Get(s, "x", metav1.GetOptions{})
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(object.Data["n"])
	if err != nil {
		return err
	}
	object.Data["n"] = strconv.Itoa(n + 1)
	_, err = maps.Update(s, object, metav1.UpdateOptions{})
	return err
}

func preconditions(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	object, err := s.createMap("x", "1")
	if err != nil {
		return err
	}
	uid, version := types.UID("another"), "1"
	otherUID := maps.Delete(s, "x", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	otherVersion := maps.Delete(s, "x", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &version}})
	both := &metav1.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion}
	return first(
		refused("another UID", otherUID, apierrors.IsConflict),
		refused("another version", otherVersion, apierrors.IsConflict),
		maps.Delete(s, "x", metav1.DeleteOptions{Preconditions: both}),
		refused("what is gone", maps.Delete(s, "x", metav1.DeleteOptions{}), apierrors.IsNotFound),
	)
}

func patchTypes(s *scope) error {
	if _, err := s.createPod("p", map[string]string{"a": "1"}); err != nil {
		return err
	}
	pods := s.client.CoreV1().Pods(s.ns)
	patch := func(kind types.PatchType, text string, subresources ...string) (*v1.Pod, error) {
		return pods.Patch(s, "p", kind, []byte(text), metav1.PatchOptions{}, subresources...)
	}
	pod, err := patch(types.JSONPatchType, `[{"op":"test","path":"/metadata/labels/a","value":"1"},{"op":"add","path":"/metadata/labels/b","value":"2"}]`)
	if err := first(err, want("json", pod.Labels["b"], "2")); err != nil {
		return err
	}
	_, err = patch(types.JSONPatchType, `[{"op":"test","path":"/metadata/labels/a","value":"other"}]`)
	if err := refused("a test that fails", err, apierrors.IsInvalid); err != nil {
		return err
	}
	pod, err = patch(types.MergePatchType, `{"metadata":{"labels":{"a":null,"c":"3"}}}`)
	if err := first(err, want("merge", fmt.Sprint(pod.Labels), "map[b:2 c:3]")); err != nil {
		return err
	}
	pod, err = patch(types.StrategicMergePatchType, `{"spec":{"containers":[{"name":"c","image":"example.com/c:2"}]}}`)
	if err := first(err, want("strategic", pod.Spec.Containers[0].Image, "example.com/c:2")); err != nil {
		return err
	}
	for _, kind := range []string{"A", "B"} {
		text := fmt.Sprintf(`{"status":{"conditions":[{"type":"example.com/%s","status":"True"}]}}`, kind)
		if pod, err = patch(types.StrategicMergePatchType, text, "status"); err != nil {
			return err
		}
	}
	if err := want("conditions", len(pod.Status.Conditions), 2); err != nil {
		return err
	}
	_, err = patch(types.MergePatchType, `{"metadata":{"resourceVersion":"1"}}`)
	if err := refused("another version", err, apierrors.IsConflict); err != nil {
		return err
	}
	_, err = patch(types.MergePatchType, `{"metadata":`)
	if err := refused("half a patch", err, apierrors.IsBadRequest); err != nil {
		return err
	}
	_, err = patch(types.MergePatchType, `{"spec":{"nodeName":"elsewhere"}}`)
	return refused("what may not change", err, apierrors.IsInvalid)
}

func serverSideApply(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	apply := func(manager string, force bool, data map[string]string) (*v1.ConfigMap, error) {
		object := corev1.ConfigMap("x", s.ns).WithData(data)
		return maps.Apply(s, object, metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	if _, err := apply("a", false, map[string]string{"ours": "1", "disputed": "a"}); err != nil {
		return err
	}
	_, err := apply("b", false, map[string]string{"theirs": "2", "disputed": "b"})
	if err := refused("what another one applied", err, apierrors.IsConflict); err != nil {
		return err
	}
	object, err := apply("b", true, map[string]string{"theirs": "2", "disputed": "b"})
	if err := first(err, want("forced", fmt.Sprint(object.Data), "map[disputed:b ours:1 theirs:2]")); err != nil {
		return err
	}
	own, err := corev1.ExtractConfigMap(object, "a")
	if err := first(err, want("of a", fmt.Sprint(own.Data), "map[ours:1]")); err != nil {
		return err
	}
	object, err = apply("a", false, map[string]string{})
	if err := first(err, want("let go", fmt.Sprint(object.Data), "map[disputed:b theirs:2]")); err != nil {
		return err
	}
	// An update takes over what it changes.
	object.Data["theirs"] = "3"
	object, err = maps.Update(s, object, metav1.UpdateOptions{FieldManager: "c"})
	if err != nil {
		return err
	}
	_, err = apply("b", false, map[string]string{"theirs": "2", "disputed": "b"})
	return refused("what another one updated", err, apierrors.IsConflict)
}

// candidate takes part in an election until it is told to resign.
type candidate struct {
	elector *leaderelection.LeaderElector
	resign  context.CancelFunc
	led     atomic.Int32
	ended   chan struct{}
}

func (s *scope) stand(name string) (*candidate, error) {
	c := &candidate{ended: make(chan struct{})}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, s.ns, "lock",
		s.client.CoreV1(), s.client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: name})
	if err != nil {
		return nil, err
	}
	c.elector, err = leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 30 * time.Second, RenewDeadline: 20 * time.Second,
		RetryPeriod: 100 * time.Millisecond, ReleaseOnCancel: true, Name: name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { c.led.Add(1) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(s)
	c.resign = cancel
	go func() {
		defer close(c.ended)
		c.elector.Run(ctx)
	}()
	return c, nil
}

func leaderElection(s *scope) error {
	one, err := s.stand("one")
	if err != nil {
		return err
	}
	leads := func(c *candidate, name string) error {
		return s.until(func() error {
			return first(want(name+" leads", c.elector.IsLeader(), true), want("led", c.led.Load(), 1))
		})
	}
	if err := leads(one, "one"); err != nil {
		return err
	}
	two, err := s.stand("two")
	if err != nil {
		return err
	}
	// It knows who leads once it has tried.
	err = s.until(func() error { return want("two sees", two.elector.GetLeader(), "one") })
	if err := first(err, want("two leads", two.elector.IsLeader(), false)); err != nil {
		return err
	}
	one.resign()
	<-one.ended
	if err := leads(two, "two"); err != nil {
		return err
	}
	lease, err := s.client.CoordinationV1().Leases(s.ns).Get(s, "lock", metav1.GetOptions{})
	if err != nil {
		return err
	}
	two.resign()
	<-two.ended
	released, err := s.client.CoordinationV1().Leases(s.ns).Get(s, "lock", metav1.GetOptions{})
	return first(err,
		want("holder", *lease.Spec.HolderIdentity, "two"),
		want("transitions", *lease.Spec.LeaseTransitions, 1),
		want("released", *released.Spec.HolderIdentity, ""),
		want("one led", one.led.Load(), 1),
	)
}

func eviction(s *scope) error {
	labels := map[string]string{"app": "guarded"}
	for _, name := range []string{"guarded", "free"} {
		pod, err := s.createPod(name, labels)
		labels = nil
		if err != nil {
			return err
		}
		pod.Status.Phase = v1.PodRunning
		pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}}
		if _, err := s.client.CoreV1().Pods(s.ns).UpdateStatus(s, pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	one := intstr.FromInt32(1)
	budgets := s.client.PolicyV1().PodDisruptionBudgets(s.ns)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "budget"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &one,
			Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"app": "guarded"}},
		},
	}
	budget, err := budgets.Create(s, budget, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	budget.Status = policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: budget.Generation, CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1,
	}
	if budget, err = budgets.UpdateStatus(s, budget, metav1.UpdateOptions{}); err != nil {
		return err
	}
	zero := int64(0)
	evict := func(name string) error {
		return s.client.PolicyV1().Evictions(s.ns).Evict(s, &policyv1.Eviction{
			ObjectMeta:    metav1.ObjectMeta{Name: name, Namespace: s.ns},
			DeleteOptions: &metav1.DeleteOptions{GracePeriodSeconds: &zero},
		})
	}
	gone := func(name string) error {
		_, err := s.client.CoreV1().Pods(s.ns).Get(s, name, metav1.GetOptions{})
		return refused(name, err, apierrors.IsNotFound)
	}
	if err := first(evict("free"), gone("free"), refused("guarded", evict("guarded"), apierrors.IsTooManyRequests)); err != nil {
		return err
	}
	budget.Status.DisruptionsAllowed = 1
	if _, err = budgets.UpdateStatus(s, budget, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := first(evict("guarded"), gone("guarded"), refused("nobody", evict("nobody"), apierrors.IsNotFound)); err != nil {
		return err
	}
	budget, err = budgets.Get(s, "budget", metav1.GetOptions{})
	return first(err, want("disruptions left", budget.Status.DisruptionsAllowed, 0))
}
