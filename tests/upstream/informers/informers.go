package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const (
	writers = 8
	updates = 10
)

// record is what an informer has told, by the names of objects.
type record struct {
	mu     sync.Mutex
	told   map[string][]string
	synced cache.InformerSynced
	errs   []error
}

// follow starts an informer and waits for what there is.
func follow(s *scope, informer cache.SharedIndexInformer, value func(any) string) (*record, error) {
	r := &record{told: map[string][]string{}, synced: informer.HasSynced}
	tell := func(what string, object any) {
		accessor, err := meta.Accessor(object)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.errs = append(r.errs, err)
			return
		}
		line := what
		if what != "delete" {
			line += " " + value(object)
		}
		r.told[accessor.GetName()] = append(r.told[accessor.GetName()], line)
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { tell("add", object) },
		UpdateFunc: func(old, object any) {
			before, _ := meta.Accessor(old)
			after, _ := meta.Accessor(object)
			was, _ := strconv.Atoi(before.GetResourceVersion())
			is, _ := strconv.Atoi(after.GetResourceVersion())
			if is < was {
				r.mu.Lock()
				r.errs = append(r.errs, fmt.Errorf("%s: version %d after %d", after.GetName(), is, was))
				r.mu.Unlock()
			}
			tell("update", object)
		},
		DeleteFunc: func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			tell("delete", object)
		},
	})
	if err != nil {
		return nil, err
	}
	go informer.RunWithContext(s)
	return r, s.until(func() error {
		if !informer.HasSynced() {
			return fmt.Errorf("the informer has not synced")
		}
		return nil
	})
}

// of is what was told about an object.
func (r *record) of(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.told[name], ", ")
}

// expect waits until exactly this was told about an object.
func (r *record) expect(s *scope, name, expected string) error {
	return s.until(func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.errs) > 0 {
			return r.errs[0]
		}
		return want(name, strings.Join(r.told[name], ", "), expected)
	})
}

func mapValue(object any) string { return object.(*v1.ConfigMap).Data["n"] }

func noValue(any) string { return "" }

// churn changes objects at the same time, each in its own order; it returns what is to be told of each.
func churn(s *scope) (map[string]string, error) {
	var wait sync.WaitGroup
	errs := make([]error, writers)
	expected := map[string]string{}
	for w := range writers {
		name := fmt.Sprintf("m%d", w)
		told := []string{"add 0"}
		for u := range updates {
			told = append(told, fmt.Sprintf("update %d", u+1))
		}
		expected[name] = strings.Join(append(told, "delete", "add again"), ", ")
		wait.Go(func() { errs[w] = churnOne(s, name) })
	}
	wait.Wait()
	return expected, first(errs...)
}

func churnOne(s *scope, name string) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	object, err := s.createMap(name, "0")
	for u := range updates {
		if err != nil {
			return err
		}
		object.Data["n"] = strconv.Itoa(u + 1)
		object, err = maps.Update(s, object, metav1.UpdateOptions{})
	}
	if err != nil {
		return err
	}
	if err := maps.Delete(s, name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	_, err = s.createMap(name, "again")
	return err
}

func informerOrder(s *scope) error { return orderWith(s, s.client) }

func informerProtobuf(s *scope) error {
	config := rest.CopyConfig(s.config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	s.client = client
	return orderWith(s, client)
}

func orderWith(s *scope, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(s.ns))
	told, err := follow(s, factory.Core().V1().ConfigMaps().Informer(), mapValue)
	if err != nil {
		return err
	}
	expected, err := churn(s)
	if err != nil {
		return err
	}
	for name, expected := range expected {
		if err := told.expect(s, name, expected); err != nil {
			return err
		}
	}
	return nil
}

// withoutValues leaves of what is expected what can be told of metadata.
func withoutValues(expected string) string {
	parts := strings.Split(expected, ", ")
	for i, part := range parts {
		what, _, _ := strings.Cut(part, " ")
		if what != "delete" {
			what += " "
		}
		parts[i] = what
	}
	return strings.Join(parts, ", ")
}

func informerMetadata(s *scope) error {
	client, err := metadata.NewForConfig(s.config)
	if err != nil {
		return err
	}
	resource := v1.SchemeGroupVersion.WithResource("configmaps")
	factory := metadatainformer.NewFilteredSharedInformerFactory(client, 0, s.ns, nil)
	told, err := follow(s, factory.ForResource(resource).Informer(), noValue)
	if err != nil {
		return err
	}
	return expectWithoutValues(s, told)
}

func informerDynamic(s *scope) error {
	client, err := dynamic.NewForConfig(s.config)
	if err != nil {
		return err
	}
	resource := v1.SchemeGroupVersion.WithResource("configmaps")
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, s.ns, nil)
	told, err := follow(s, factory.ForResource(resource).Informer(), noValue)
	if err != nil {
		return err
	}
	return expectWithoutValues(s, told)
}

func expectWithoutValues(s *scope, told *record) error {
	expected, err := churn(s)
	if err != nil {
		return err
	}
	for name, expected := range expected {
		if err := told.expect(s, name, withoutValues(expected)); err != nil {
			return err
		}
	}
	return nil
}

func relistAfter410(s *scope) error {
	line, config := newLine(s.config)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, name := range []string{"kept", "changed", "deleted"} {
		if _, err := s.createMap(name, "before"); err != nil {
			return err
		}
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(s.ns))
	told, err := follow(s, factory.Core().V1().ConfigMaps().Informer(), mapValue)
	if err != nil {
		return err
	}
	// A watch that ends with nothing seen is a reason to list again by itself.
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	if _, err := maps.Update(s, s.configMap("kept", "seen"), metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := told.expect(s, "kept", "add before, update seen"); err != nil {
		return err
	}
	begun := line.lists.Load() + line.streams.Load()
	line.cut()
	_, updated := maps.Update(s, s.configMap("changed", "after"), metav1.UpdateOptions{})
	deleted := maps.Delete(s, "deleted", metav1.DeleteOptions{})
	_, created := s.createMap("created", "after")
	if err := first(updated, deleted, created); err != nil {
		return err
	}
	line.mend()
	if err := first(
		told.expect(s, "changed", "add before, update after"),
		told.expect(s, "deleted", "add before, delete"),
		told.expect(s, "created", "add after"),
	); err != nil {
		return err
	}
	if !line.askedPast() {
		return fmt.Errorf("the informer has not asked for the past")
	}
	if again := line.lists.Load() + line.streams.Load(); again == begun {
		return fmt.Errorf("the informer has not listed again")
	}
	// What follows is seen by the new watch.
	if _, err := maps.Update(s, s.configMap("kept", "later"), metav1.UpdateOptions{}); err != nil {
		return err
	}
	return s.until(func() error {
		if !strings.HasSuffix(told.of("kept"), "update later") {
			return fmt.Errorf("kept: %s", told.of("kept"))
		}
		return nil
	})
}

func labelSelector(s *scope) error {
	option := informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = "app in (a, b),!hidden" })
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.ns), option)
	told, err := follow(s, factory.Core().V1().ConfigMaps().Informer(), mapValue)
	if err != nil {
		return err
	}
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	object := s.configMap("x", "1")
	other := s.configMap("y", "1")
	other.Labels = map[string]string{"app": "c"}
	object.Labels = map[string]string{"app": "a"}
	if _, err := maps.Create(s, other, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := maps.Create(s, object, metav1.CreateOptions{}); err != nil {
		return err
	}
	steps := []struct{ n, app, hidden string }{
		{"2", "b", ""}, {"3", "c", ""}, {"4", "c", ""}, {"5", "a", ""}, {"6", "a", "yes"}, {"7", "b", ""},
	}
	for _, step := range steps {
		object.Data["n"] = step.n
		object.Labels = map[string]string{"app": step.app}
		if step.hidden != "" {
			object.Labels["hidden"] = step.hidden
		}
		if _, err := maps.Update(s, object, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if err := maps.Delete(s, "x", metav1.DeleteOptions{}); err != nil {
		return err
	}
	expected := "add 1, update 2, delete, add 5, delete, add 7, delete"
	return first(told.expect(s, "x", expected), want("y", told.of("y"), ""))
}

func fieldSelector(s *scope) error {
	selected := func(selector string) (*record, error) {
		option := informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = selector })
		factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.ns), option)
		value := func(object any) string {
			pod := object.(*v1.Pod)
			return pod.Spec.NodeName + "/" + string(pod.Status.Phase)
		}
		return follow(s, factory.Core().V1().Pods().Informer(), value)
	}
	unbound, err := selected("spec.nodeName=")
	if err != nil {
		return err
	}
	active, err := selected("spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed")
	if err != nil {
		return err
	}
	named, err := selected("metadata.name=p")
	if err != nil {
		return err
	}
	for _, name := range []string{"p", "q"} {
		if _, err := s.createPod(name, nil); err != nil {
			return err
		}
	}
	if err := s.bind("p", "n1"); err != nil {
		return err
	}
	pods := s.client.CoreV1().Pods(s.ns)
	for _, phase := range []v1.PodPhase{v1.PodRunning, v1.PodSucceeded} {
		pod, err := pods.Get(s, "p", metav1.GetOptions{})
		if err != nil {
			return err
		}
		pod.Status.Phase = phase
		if _, err := pods.UpdateStatus(s, pod, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return first(
		unbound.expect(s, "p", "add /Pending, delete"),
		unbound.expect(s, "q", "add /Pending"),
		active.expect(s, "p", "add n1/Pending, update n1/Running, delete"),
		want("active q", active.of("q"), ""),
		named.expect(s, "p", "add /Pending, update n1/Pending, update n1/Running, update n1/Succeeded"),
		want("named q", named.of("q"), ""),
	)
}

func deleteCollection(s *scope) error {
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.ns))
	told, err := follow(s, factory.Core().V1().ConfigMaps().Informer(), mapValue)
	if err != nil {
		return err
	}
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	for i := range 10 {
		object := s.configMap(fmt.Sprintf("m%d", i), "1")
		object.Labels = map[string]string{"odd": strconv.FormatBool(i%2 == 1)}
		if _, err := maps.Create(s, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	odd := metav1.ListOptions{LabelSelector: "odd=true"}
	if err := maps.DeleteCollection(s, metav1.DeleteOptions{}, odd); err != nil {
		return err
	}
	for i := range 10 {
		expected := "add 1"
		if i%2 == 1 {
			expected = "add 1, delete"
		}
		if err := told.expect(s, fmt.Sprintf("m%d", i), expected); err != nil {
			return err
		}
	}
	return nil
}
