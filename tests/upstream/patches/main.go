// Command patches answers what Kubernetes makes of a patch: one case a line of JSON in, one answer out.
//
// A case has "op" and "kind" ("group/version/Kind"), and
//
//	decode:    "doc"                                             what is stored of it, strict errors
//	strategic: "doc", "patch"                                    the merged object
//	json:      "doc", "patch"
//	merge:     "doc", "patch"
//	apply:     "before" (may be null), "patch", "manager", "force", "subresource"
//	update:    "before" (may be null), "doc", "manager", "subresource"
//
// The answer has "object" or "error". Times of managedFields become "now", where there is one.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/resource/resourceclaim"
	"k8s.io/kubernetes/pkg/registry/scheduling/podgroup"
	"k8s.io/kubernetes/pkg/registry/storage/csinode"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

type request struct {
	Op          string          `json:"op"`
	Kind        string          `json:"kind"`
	Doc         json.RawMessage `json:"doc"`
	Before      json.RawMessage `json:"before"`
	Patch       json.RawMessage `json:"patch"`
	Manager     string          `json:"manager"`
	Force       bool            `json:"force"`
	Subresource string          `json:"subresource"`
}

type answer struct {
	Object any      `json:"object,omitempty"`
	Strict []string `json:"strict,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for in.Scan() {
		var r request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			fail(err)
		}
		if err := encoder.Encode(reply(r)); err != nil {
			fail(err)
		}
		if err := out.Flush(); err != nil {
			fail(err)
		}
	}
	if err := in.Err(); err != nil {
		fail(err)
	}
}

func reply(r request) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Error: fmt.Sprintf("panic: %v", p)}
		}
	}()
	parts := strings.Split(r.Kind, "/")
	kind := schema.GroupVersionKind{Group: parts[0], Version: parts[1], Kind: parts[2]}
	var err error
	switch r.Op {
	case "decode":
		a, err = decode(kind, r.Doc)
	case "strategic":
		a.Object, err = strategic(kind, r.Doc, r.Patch)
	case "json":
		var patch jsonpatch.Patch
		if patch, err = jsonpatch.DecodePatch(r.Patch); err == nil {
			a.Object, err = raw(patch.Apply(r.Doc))
		}
	case "merge":
		a.Object, err = raw(jsonpatch.MergePatch(r.Doc, r.Patch))
	case "apply":
		a.Object, err = apply(kind, r)
	case "update":
		a.Object, err = update(kind, r)
	default:
		err = fmt.Errorf("no such op: %s", r.Op)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return a
}

func raw(text []byte, err error) (any, error) {
	return json.RawMessage(text), err
}

func decode(kind schema.GroupVersionKind, doc []byte) (answer, error) {
	options := serializer.SerializerOptions{Strict: true}
	s := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, options)
	object, _, err := s.Decode(doc, &kind, nil)
	var a answer
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		for _, e := range strict.Errors() {
			a.Strict = append(a.Strict, e.Error())
		}
	} else if err != nil {
		return a, err
	}
	var text bytes.Buffer
	if err := s.Encode(object, &text); err != nil {
		return a, err
	}
	a.Object = json.RawMessage(text.Bytes())
	return a, nil
}

func strategic(kind schema.GroupVersionKind, doc, patch []byte) (any, error) {
	var docMap, patchMap map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(doc, &docMap); err != nil {
		return nil, err
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(patch, &patchMap); err != nil {
		return nil, err
	}
	object, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergeMapPatch(docMap, patchMap, object)
}

// converter leaves objects as they are: all are of one version.
type converter struct{}

func (converter) Convert(_, _, _ any) error { return nil }
func (converter) ConvertToVersion(in runtime.Object, _ runtime.GroupVersioner) (runtime.Object, error) {
	return in, nil
}
func (converter) ConvertFieldLabel(_ schema.GroupVersionKind, _, _ string) (string, string, error) {
	return "", "", fmt.Errorf("no field labels")
}

type defaulter struct{}

func (defaulter) Default(runtime.Object) {}

// creater makes the empty object that the API server starts from.
type creater struct{}

func (creater) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	typed, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(kind)
	return object, nil
}

type resetter interface {
	GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set
}

func manager(kind schema.GroupVersionKind, subresource string) (*managedfields.FieldManager, error) {
	strategies := map[string]resetter{
		"Pod": pod.Strategy, "Pod/status": pod.StatusStrategy,
		"Node": node.Strategy, "Node/status": node.StatusStrategy,
		"Deployment": deployment.Strategy, "Deployment/status": deployment.StatusStrategy,
		"StatefulSet": statefulset.Strategy, "StatefulSet/status": statefulset.StatusStrategy,
		"DaemonSet": daemonset.Strategy, "DaemonSet/status": daemonset.StatusStrategy,
		"Job": job.Strategy, "Job/status": job.StatusStrategy,
		"Service": service.Strategy, "Service/status": service.StatusStrategy,
		"PersistentVolume":             persistentvolume.Strategy,
		"PersistentVolume/status":      persistentvolume.StatusStrategy,
		"PersistentVolumeClaim":        persistentvolumeclaim.Strategy,
		"PersistentVolumeClaim/status": persistentvolumeclaim.StatusStrategy,
		"PodDisruptionBudget":          poddisruptionbudget.Strategy,
		"PodDisruptionBudget/status":   poddisruptionbudget.StatusStrategy,
		"CSINode":                      csinode.Strategy, "CSINode/status": csinode.StatusStrategy,
		"ResourceClaim": resourceclaim.NewStrategy(nil, nil), "PodGroup": podgroup.NewStrategy(),
	}
	reset := map[fieldpath.APIVersion]fieldpath.Filter{}
	name := kind.Kind
	if subresource != "" {
		name += "/" + subresource
	}
	if strategy, ok := strategies[name]; ok {
		reset = fieldpath.NewExcludeFilterSetMap(strategy.GetResetFields())
	}
	return managedfields.NewDefaultFieldManager(applyconfigurations.NewTypeConverter(scheme.Scheme), converter{},
		defaulter{}, creater{}, kind, kind.GroupVersion(), subresource, reset)
}

func object(kind schema.GroupVersionKind, text []byte) (*unstructured.Unstructured, error) {
	if len(text) == 0 || string(text) == "null" {
		empty, err := creater{}.New(kind)
		if err != nil {
			return nil, err
		}
		return empty.(*unstructured.Unstructured), nil
	}
	found := &unstructured.Unstructured{}
	return found, kjson.UnmarshalCaseSensitivePreserveInts(text, &found.Object)
}

func apply(kind schema.GroupVersionKind, r request) (any, error) {
	m, err := manager(kind, r.Subresource)
	if err != nil {
		return nil, err
	}
	live, err := object(kind, r.Before)
	if err != nil {
		return nil, err
	}
	patch, err := object(kind, r.Patch)
	if err != nil {
		return nil, err
	}
	result, err := m.Apply(live, patch, r.Manager, r.Force)
	if err != nil {
		return nil, err
	}
	return blank(result), nil
}

func update(kind schema.GroupVersionKind, r request) (any, error) {
	m, err := manager(kind, r.Subresource)
	if err != nil {
		return nil, err
	}
	live, err := object(kind, r.Before)
	if err != nil {
		return nil, err
	}
	doc, err := object(kind, r.Doc)
	if err != nil {
		return nil, err
	}
	result, err := m.Update(live, doc, r.Manager)
	if err != nil {
		return nil, err
	}
	return blank(result), nil
}

func blank(object runtime.Object) any {
	content := object.(*unstructured.Unstructured).Object
	entries, _, _ := unstructured.NestedSlice(content, "metadata", "managedFields")
	for _, entry := range entries {
		if e := entry.(map[string]any); e["time"] != nil && !strings.HasPrefix(e["time"].(string), "2001") {
			e["time"] = "now"
		}
	}
	if entries != nil {
		if err := unstructured.SetNestedSlice(content, entries, "metadata", "managedFields"); err != nil {
			fail(err)
		}
	}
	return content
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
