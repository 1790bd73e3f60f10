// Command informers checks an API server with client-go: informers, watches, lists, writes, leader election.
//
// It prints a line a check, `ok NAME`, `FAIL NAME: why` or `skip NAME: why`, and ends with 1 where one
// has failed. Every check has a namespace of its own. tests/informers.rs runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

var (
	kubeconfig   = flag.String("kubeconfig", "", "how to reach the API server")
	historyBytes = flag.Int("history-bytes", 0, "how many bytes of past objects of a kind the server keeps; 0: more than can be used up here")
	only         = flag.String("only", "", "run this check alone")
)

// deadline is how long a check may take.
const deadline = 90 * time.Second

// errSkip says why a check does not apply to this server.
type errSkip string

func (e errSkip) Error() string { return string(e) }

type check struct {
	name string
	run  func(*scope) error
}

// scope is what a check works with.
type scope struct {
	context.Context
	config *rest.Config
	client kubernetes.Interface
	ns     string
}

var checks = []check{
	{"informer-order", informerOrder},
	{"informer-protobuf", informerProtobuf},
	{"informer-metadata", informerMetadata},
	{"informer-dynamic", informerDynamic},
	{"informer-relist-after-410", relistAfter410},
	{"label-selector", labelSelector},
	{"field-selector", fieldSelector},
	{"watch-order", watchOrder},
	{"watch-bookmarks", watchBookmarks},
	{"watch-list", watchList},
	{"watch-too-old", watchTooOld},
	{"watch-future", watchFuture},
	{"paging", paging},
	{"paging-bad-token", pagingBadToken},
	{"resource-version-match", resourceVersionMatch},
	{"conflict", conflict},
	{"preconditions", preconditions},
	{"patch-types", patchTypes},
	{"server-side-apply", serverSideApply},
	{"delete-collection", deleteCollection},
	{"leader-election", leaderElection},
	{"eviction", eviction},
	{"history-past", historyPast},
}

func main() {
	flag.Parse()
	// Reflectors tell of every cut; what matters is what the checks find.
	klog.SetLogger(logr.Discard())
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
	config.QPS, config.Burst = -1, -1
	config.Proxy = nil
	config.WarningHandler = rest.NoWarnings{}
	failed := false
	for _, c := range checks {
		if *only != "" && *only != c.name {
			continue
		}
		failed = !report(os.Stdout, c, config) || failed
	}
	if failed {
		os.Exit(1)
	}
}

func report(out io.Writer, c check, config *rest.Config) bool {
	switch err := c.in(config).(type) {
	case nil:
		fmt.Fprintf(out, "ok %s\n", c.name)
	case errSkip:
		fmt.Fprintf(out, "skip %s: %s\n", c.name, err)
	default:
		fmt.Fprintf(out, "FAIL %s: %s\n", c.name, err)
		return false
	}
	return true
}

func (c check) in(config *rest.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	namespace := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "check-" + c.name}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return err
	}
	return c.run(&scope{ctx, config, client, namespace.Name})
}

// until waits for a condition; what it says last is the reason of a failure.
func (s *scope) until(look func() error) error {
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-s.Done():
			return fmt.Errorf("still not after %s: %w", deadline, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *scope) configMap(name, value string) *v1.ConfigMap {
	return &v1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.ns},
		Data:       map[string]string{"n": value},
	}
}

func (s *scope) createMap(name, value string) (*v1.ConfigMap, error) {
	return s.client.CoreV1().ConfigMaps(s.ns).Create(s, s.configMap(name, value), metav1.CreateOptions{})
}

func (s *scope) createPod(name string, labels map[string]string) (*v1.Pod, error) {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "example.com/c:1"}}},
	}
	return s.client.CoreV1().Pods(s.ns).Create(s, pod, metav1.CreateOptions{})
}

func (s *scope) bind(pod, node string) error {
	binding := &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: s.ns},
		Target:     v1.ObjectReference{Kind: "Node", Name: node},
	}
	return s.client.CoreV1().Pods(s.ns).Bind(s, binding, metav1.CreateOptions{})
}

// want is an error unless the two are the same.
func want[T comparable](what string, got, expected T) error {
	if got != expected {
		return fmt.Errorf("%s: %v, want %v", what, got, expected)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// refused is an error unless err is what is expected.
func refused(what string, err error, is func(error) bool) error {
	if err == nil {
		return fmt.Errorf("%s: was not refused", what)
	}
	if !is(err) {
		return fmt.Errorf("%s: refused in another way: %T %w", what, err, err)
	}
	return nil
}
