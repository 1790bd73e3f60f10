package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/pager"
)

// next is the next event of a watch that is not over.
func next(s *scope, events watch.Interface) (watch.Event, error) {
	select {
	case event, open := <-events.ResultChan():
		if !open {
			return event, fmt.Errorf("the watch has ended")
		}
		return event, nil
	case <-s.Done():
		return watch.Event{}, s.Err()
	}
}

func version(object metav1.Object) int {
	number, _ := strconv.Atoi(object.GetResourceVersion())
	return number
}

func watchOrder(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	list, err := maps.List(s, metav1.ListOptions{})
	if err != nil {
		return err
	}
	// One from before, and one from the middle of what it tells.
	expected, err := churn(s)
	if err != nil {
		return err
	}
	read := func(from string, count int) ([]int, []string, error) {
		events, err := maps.Watch(s, metav1.ListOptions{ResourceVersion: from})
		if err != nil {
			return nil, nil, err
		}
		defer events.Stop()
		var versions []int
		var lines []string
		for len(versions) < count {
			event, err := next(s, events)
			if err != nil {
				return nil, nil, err
			}
			object, ok := event.Object.(*v1.ConfigMap)
			if !ok {
				return nil, nil, fmt.Errorf("%s: %v", event.Type, event.Object)
			}
			versions = append(versions, version(object))
			lines = append(lines, fmt.Sprintf("%s %s %s", event.Type, object.Name, object.Data["n"]))
		}
		return versions, lines, nil
	}
	count := writers * (updates + 3)
	versions, lines, err := read(list.ResourceVersion, count)
	if err != nil {
		return err
	}
	if !slices.IsSorted(versions) || len(slices.Compact(slices.Clone(versions))) != count {
		return fmt.Errorf("versions are not in order: %v", versions)
	}
	half := count / 2
	_, again, err := read(strconv.Itoa(versions[half-1]), count-half)
	if err != nil {
		return err
	}
	if !slices.Equal(again, lines[half:]) {
		return fmt.Errorf("from the middle: %v, want %v", again, lines[half:])
	}
	return want("objects", len(expected), writers)
}

func watchBookmarks(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	list, err := maps.List(s, metav1.ListOptions{})
	if err != nil {
		return err
	}
	seconds := int64(5)
	options := metav1.ListOptions{
		AllowWatchBookmarks: true, ResourceVersion: list.ResourceVersion, TimeoutSeconds: &seconds,
		FieldSelector: "metadata.name=nobody",
	}
	events, err := maps.Watch(s, options)
	if err != nil {
		return err
	}
	made, err := s.createMap("somebody", "1")
	if err != nil {
		return err
	}
	var last int
	for event := range events.ResultChan() {
		object, ok := event.Object.(*v1.ConfigMap)
		if event.Type != watch.Bookmark || !ok {
			return fmt.Errorf("%s: %v", event.Type, event.Object)
		}
		last = version(object)
	}
	if last < version(made) {
		return fmt.Errorf("the last bookmark is %d, older than %d", last, version(made))
	}
	return nil
}

func watchList(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	var newest *v1.ConfigMap
	for i := range 5 {
		made, err := s.createMap(fmt.Sprintf("m%d", i), "1")
		if err != nil {
			return err
		}
		newest = made
	}
	yes := true
	options := metav1.ListOptions{
		SendInitialEvents: &yes, AllowWatchBookmarks: true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	}
	events, err := maps.Watch(s, options)
	if err != nil {
		return err
	}
	defer events.Stop()
	var names []string
	for {
		event, err := next(s, events)
		if err != nil {
			return err
		}
		object, ok := event.Object.(*v1.ConfigMap)
		if !ok {
			return fmt.Errorf("%s: %v", event.Type, event.Object)
		}
		if event.Type == watch.Bookmark {
			if err := want("mark", object.Annotations[metav1.InitialEventsAnnotationKey], "true"); err != nil {
				return err
			}
			if version(object) < version(newest) {
				return fmt.Errorf("the mark is at %d, before %d", version(object), version(newest))
			}
			break
		}
		if err := want("type", event.Type, watch.Added); err != nil {
			return err
		}
		names = append(names, object.Name)
	}
	slices.Sort(names)
	if err := want("names", strings.Join(names, " "), "m0 m1 m2 m3 m4"); err != nil {
		return err
	}
	if err := maps.Delete(s, "m2", metav1.DeleteOptions{}); err != nil {
		return err
	}
	event, err := next(s, events)
	return first(err, want("live", event.Type, watch.Deleted))
}

func watchTooOld(s *scope) error {
	return tooOld(s, "1")
}

// tooOld is an error unless a watch from there is told that it is past.
func tooOld(s *scope, from string) error {
	events, err := s.client.CoreV1().ConfigMaps(s.ns).Watch(s, metav1.ListOptions{ResourceVersion: from})
	if err != nil {
		return refused("the watch", err, apierrors.IsResourceExpired)
	}
	defer events.Stop()
	event, err := next(s, events)
	if err != nil {
		return err
	}
	if err := want("type", event.Type, watch.Error); err != nil {
		return err
	}
	return refused("the watch", apierrors.FromObject(event.Object), apierrors.IsResourceExpired)
}

func paging(s *scope) error {
	const count, page = 25, 7
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	var expected []string
	for i := range count {
		name := fmt.Sprintf("m%02d", i)
		if _, err := s.createMap(name, "before"); err != nil {
			return err
		}
		expected = append(expected, name+" before")
	}
	var seen []string
	var at string
	options := metav1.ListOptions{Limit: page}
	for n := 0; ; n++ {
		list, err := maps.List(s, options)
		if err != nil {
			return err
		}
		for _, object := range list.Items {
			seen = append(seen, object.Name+" "+object.Data["n"])
		}
		if n == 0 {
			at = list.ResourceVersion
		}
		if err := want("version of a page", list.ResourceVersion, at); err != nil {
			return err
		}
		if list.Continue == "" {
			break
		}
		if list.RemainingItemCount == nil {
			return fmt.Errorf("a page says nothing about the rest")
		}
		// What is written meanwhile is none of this list's business.
		_, created := s.createMap(fmt.Sprintf("m%02dnew", 24-n), "new")
		_, updated := maps.Update(s, s.configMap(fmt.Sprintf("m%02d", 23-n), "after"), metav1.UpdateOptions{})
		deleted := maps.Delete(s, fmt.Sprintf("m%02d", 20-n), metav1.DeleteOptions{})
		if err := first(created, updated, deleted); err != nil {
			return err
		}
		options.Continue = list.Continue
	}
	if !slices.Equal(seen, expected) {
		return fmt.Errorf("%v, want %v", seen, expected)
	}
	return nil
}

func pagingBadToken(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, token := range []string{"nonsense", encode("nonsense"), encode(`{"v":"meta.k8s.io/v9","rv":1,"start":"x"}`)} {
		_, err := maps.List(s, metav1.ListOptions{Limit: 1, Continue: token})
		if err := refused(token, err, apierrors.IsBadRequest); err != nil {
			return err
		}
	}
	return nil
}

func resourceVersionMatch(s *scope) error {
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	made, err := s.createMap("x", "old")
	if err != nil {
		return err
	}
	if _, err := maps.Update(s, s.configMap("x", "new"), metav1.UpdateOptions{}); err != nil {
		return err
	}
	value := func(at string, match metav1.ResourceVersionMatch) (string, error) {
		list, err := maps.List(s, metav1.ListOptions{ResourceVersion: at, ResourceVersionMatch: match})
		if err != nil || len(list.Items) != 1 {
			return "", err
		}
		return list.Items[0].Data["n"], nil
	}
	exact, err := value(made.ResourceVersion, metav1.ResourceVersionMatchExact)
	if err := first(err, want("exact", exact, "old")); err != nil {
		return err
	}
	recent, err := value("", "")
	if err := first(err, want("most recent", recent, "new")); err != nil {
		return err
	}
	if _, err := value("0", metav1.ResourceVersionMatchNotOlderThan); err != nil {
		return err
	}
	later, err := value(made.ResourceVersion, metav1.ResourceVersionMatchNotOlderThan)
	if err != nil {
		return err
	}
	if later != "old" && later != "new" {
		return fmt.Errorf("not older: %q", later)
	}
	_, unknown := value(made.ResourceVersion, "Sideways")
	_, alone := value("", metav1.ResourceVersionMatchExact)
	_, zero := value("0", metav1.ResourceVersionMatchExact)
	ahead := strconv.Itoa(version(made) + 1_000_000)
	_, future := value(ahead, metav1.ResourceVersionMatchNotOlderThan)
	_, futureObject := maps.Get(s, "x", metav1.GetOptions{ResourceVersion: ahead})
	return first(
		refused("an unknown match", unknown, apierrors.IsInvalid),
		refused("a match alone", alone, apierrors.IsInvalid),
		refused("exact at 0", zero, apierrors.IsInvalid),
		refused("the future", future, apierrors.IsTimeout),
		refused("an object of the future", futureObject, apierrors.IsTimeout),
		want("a cause of its own", apierrors.HasStatusCause(future, metav1.CauseTypeResourceVersionTooLarge), true),
	)
}

// watchFuture asks to be streamed what is not there yet.
func watchFuture(s *scope) error {
	made, err := s.createMap("x", "1")
	if err != nil {
		return err
	}
	yes := true
	events, err := s.client.CoreV1().ConfigMaps(s.ns).Watch(s, metav1.ListOptions{
		SendInitialEvents: &yes, AllowWatchBookmarks: true,
		ResourceVersion:      strconv.Itoa(version(made) + 1_000_000),
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		return refused("the watch", err, apierrors.IsTimeout)
	}
	defer events.Stop()
	event, err := next(s, events)
	if err != nil {
		return err
	}
	if err := want("type", event.Type, watch.Error); err != nil {
		return err
	}
	return refused("the watch", apierrors.FromObject(event.Object), apierrors.IsTimeout)
}

// historyPast pushes versions out of the history of a server that keeps little of it.
func historyPast(s *scope) error {
	if *historyBytes == 0 {
		return errSkip("this server keeps more than can be used up here")
	}
	const objectBytes = 800_000
	maps := s.client.CoreV1().ConfigMaps(s.ns)
	for _, name := range []string{"a", "b", "c", "large"} {
		if _, err := s.createMap(name, "1"); err != nil {
			return err
		}
	}
	half, err := maps.List(s, metav1.ListOptions{Limit: 2})
	if err != nil {
		return err
	}
	object := s.configMap("large", strings.Repeat("x", objectBytes))
	for i := range *historyBytes/objectBytes + 2 {
		object.Labels = map[string]string{"i": strconv.Itoa(i)}
		if _, err := maps.Update(s, object, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	if err := tooOld(s, half.ResourceVersion); err != nil {
		return err
	}
	_, err = maps.List(s, metav1.ListOptions{Limit: 2, Continue: half.Continue})
	if err := refused("the rest of a list", err, apierrors.IsResourceExpired); err != nil {
		return err
	}
	// It can go on with what there is now.
	status, _ := err.(apierrors.APIStatus)
	rest, err := maps.List(s, metav1.ListOptions{Limit: 2, Continue: status.Status().Continue})
	if err != nil {
		return err
	}
	if len(rest.Items) != 2 || rest.Items[0].Name != "c" {
		return fmt.Errorf("the rest as it is now: %d items", len(rest.Items))
	}
	_, err = maps.List(s, metav1.ListOptions{ResourceVersion: half.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	if err := refused("exactly then", err, apierrors.IsResourceExpired); err != nil {
		return err
	}
	return fallBack(s, half.Continue)
}

// fallBack lists by pages, as reflectors do, where the second page is told that it is past.
func fallBack(s *scope, expired string) error {
	pages := 0
	list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		pages++
		if pages == 2 {
			options.Continue = expired
		}
		return s.client.CoreV1().ConfigMaps(s.ns).List(ctx, options)
	}
	lister := pager.New(list)
	lister.PageSize = 2
	all, _, err := lister.List(s, metav1.ListOptions{})
	if err != nil {
		return err
	}
	full, ok := all.(*v1.ConfigMapList)
	if !ok {
		return fmt.Errorf("a %T", all)
	}
	return first(want("pages", pages, 3), want("objects", len(full.Items), 4))
}
