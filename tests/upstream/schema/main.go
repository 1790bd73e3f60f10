// Command schema prints the facts about the types of the API that berth's own API server needs: the fields
// of each kind, their Go types, what a patch and server-side apply do with lists and maps.
//
// It reads the Go types by reflection and the OpenAPI definitions for what the types do not say. The output
// is src/apiserver/schema/kinds.txt, whose head describes the format; tests/patches.rs compares the two.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gvk "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kubernetes/pkg/generated/openapi"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
)

const head = `# What berth knows of the types of the Kubernetes API, v1.37.2: facts, no descriptions.
# Made by tests/upstream/schema; tests/patches.rs compares. Edit the program, not this file.
#
# kind GROUP/VERSION KIND TYPE       a kind and the type that describes it
# type NAME [atomic]                 a struct; its fields follow, a line each
#   FIELD[!][?|~] TYPE [WORDS]       ! required, ? omitempty, ~ omitzero
#
# TYPE   the Go type; a struct by its name here, a named scalar as kind:name (string:v1.DNSPolicy),
#        a named map or list as name=type, and Quantity, Time, MicroTime, Duration, IntOrString,
#        FieldsV1, Raw, bytes for those that have a form of their own in JSON
# WORDS  set, map(KEYS)              lists of server-side apply; others are atomic
#        atomic, granular            maps and structs where the type itself says otherwise
#        patch(STRATEGY) key(KEY)    strategic merge patch
#        default(JSON)               of a field that is a key of a list
#        in(NAME)                    an embedded struct that has it, which Go's messages name
`

// groups are the versions that are served, and the kinds of each, without lists and options.
var groups = []string{
	"v1", "events.k8s.io/v1", "discovery.k8s.io/v1", "rbac.authorization.k8s.io/v1",
	"authentication.k8s.io/v1", "authorization.k8s.io/v1", "apps/v1", "batch/v1", "policy/v1",
	"scheduling.k8s.io/v1", "scheduling.k8s.io/v1alpha3", "scheduling.k8s.io/v1beta1", "storage.k8s.io/v1",
	"coordination.k8s.io/v1", "resource.k8s.io/v1", "autoscaling/v1", "metrics.k8s.io/v1beta1",
}

// notServed are kinds that a scheme knows in every group, for the parameters of requests.
var notServed = []string{"CreateOptions", "GetOptions", "ListOptions", "PatchOptions", "UpdateOptions",
	"WatchEvent", "PodAttachOptions", "PodExecOptions", "PodLogOptions", "PodPortForwardOptions",
	"PodProxyOptions", "NodeProxyOptions", "ServiceProxyOptions", "RangeAllocation", "SerializedReference",
	"ComponentStatus", "PodStatusResult", "APIGroup", "APIVersions", "HorizontalPodAutoscaler"}

var special = map[reflect.Type]string{
	reflect.TypeFor[resource.Quantity]():    "Quantity",
	reflect.TypeFor[metav1.Time]():          "Time",
	reflect.TypeFor[metav1.MicroTime]():     "MicroTime",
	reflect.TypeFor[metav1.Duration]():      "Duration",
	reflect.TypeFor[intstr.IntOrString]():   "IntOrString",
	reflect.TypeFor[metav1.FieldsV1]():      "FieldsV1",
	reflect.TypeFor[runtime.RawExtension](): "Raw",
	reflect.TypeFor[[]byte]():               "bytes",
}

type printer struct {
	schema      *smd.Schema
	definitions map[string]*spec.Schema
	names       map[reflect.Type]string
	blocks      map[string]string
}

func main() {
	metrics.AddToScheme(scheme.Scheme)
	p := &printer{definitions: definitions(), names: map[reflect.Type]string{}, blocks: map[string]string{}}
	var err error
	if p.schema, err = schemaconv.ToSchemaFromOpenAPI(p.definitions, false); err != nil {
		fail(err)
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprint(out, head)
	for _, text := range groups {
		version, err := gvk.ParseGroupVersion(text)
		if err != nil {
			fail(err)
		}
		types := scheme.Scheme.KnownTypes(version)
		if len(types) == 0 {
			continue
		}
		var kinds []string
		for kind := range types {
			served := !slices.Contains(notServed, kind) && kind != "List" && kind != "Status"
			if served && !strings.HasSuffix(kind, "List") && (kind != "DeleteOptions" || text == "v1") {
				kinds = append(kinds, kind)
			}
		}
		sort.Strings(kinds)
		fmt.Fprintln(out)
		for _, kind := range kinds {
			fmt.Fprintf(out, "kind %s/%s %s %s\n", version.Group, version.Version, kind, p.structType(types[kind]))
		}
	}
	for _, name := range slices.Sorted(mapsKeys(p.blocks)) {
		fmt.Fprintf(out, "\n%s", p.blocks[name])
	}
	if err := out.Flush(); err != nil {
		fail(err)
	}
}

func mapsKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func definitions() map[string]*spec.Schema {
	found := map[string]*spec.Schema{}
	ref := func(name string) spec.Ref { return spec.MustCreateRef("#/components/schemas/" + name) }
	for name, definition := range openapi.GetOpenAPIDefinitions(ref) {
		schema := definition.Schema
		found[name] = &schema
	}
	return found
}

// modelName is what the OpenAPI definitions call a type.
func modelName(t reflect.Type) string {
	type named interface{ OpenAPIModelName() string }
	if value, ok := reflect.New(t).Elem().Interface().(named); ok {
		return value.OpenAPIModelName()
	}
	return ""
}

// structType prints the struct, once, and answers what this file calls it: api.core.v1.PodSpec.
func (p *printer) structType(t reflect.Type) string {
	if name, ok := p.names[t]; ok {
		return name
	}
	model := modelName(t)
	if model == "" {
		fail(fmt.Errorf("%v has no OpenAPI name", t))
	}
	name := strings.TrimPrefix(model, "io.k8s.")
	for _, prefix := range []string{"api.", "apimachinery.pkg.apis.", "metrics.pkg.apis."} {
		name = strings.TrimPrefix(name, prefix)
	}
	p.names[t] = name
	atom, ok := p.schema.Resolve(smd.TypeRef{NamedType: &model})
	if !ok || atom.Map == nil {
		fail(fmt.Errorf("%v (%s) is no struct in the OpenAPI definitions", t, model))
	}
	var block strings.Builder
	fmt.Fprintf(&block, "type %s", name)
	if atom.Map.ElementRelationship == smd.Atomic {
		block.WriteString(" atomic")
	}
	block.WriteString("\n")
	p.fields(&block, t, "", atom.Map, p.definitions[model])
	p.blocks[name] = block.String()
	return name
}

// fields prints the fields of t, which is embedded under a name or is the struct itself.
func (p *printer) fields(block *strings.Builder, t reflect.Type, under string, in *smd.Map, definition *spec.Schema) {
	for i := range t.NumField() {
		field := t.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == "-" || !field.IsExported() {
			continue
		}
		if tag == "" {
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			p.fields(block, inner, field.Name, in, definition)
			continue
		}
		required, omitted := "", ""
		if slices.Contains(definition.Required, tag) {
			required = "!"
		}
		switch {
		case strings.Contains(options, "omitzero"):
			omitted = "~"
		case strings.Contains(options, "omitempty"):
			omitted = "?"
		}
		fmt.Fprintf(block, "  %s%s%s %s", tag, required, omitted, p.goType(field.Type))
		known, ok := in.FindField(tag)
		if !ok {
			fail(fmt.Errorf("%v.%s is not in the OpenAPI definitions", t, tag))
		}
		p.words(block, field, known)
		if under != "" && under != "TypeMeta" {
			fmt.Fprintf(block, " in(%s)", under)
		}
		block.WriteString("\n")
	}
}

// words prints what server-side apply and strategic merge patch know of a field.
func (p *printer) words(block *strings.Builder, field reflect.StructField, known smd.StructField) {
	atom, ok := p.schema.Resolve(known.Type)
	if !ok {
		fail(fmt.Errorf("%s has no type", known.Name))
	}
	inner := field.Type
	for inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	_, isSpecial := special[inner]
	switch {
	case isSpecial:
	case inner.Kind() == reflect.Slice:
		if atom.List.ElementRelationship == smd.Associative {
			if len(atom.List.Keys) == 0 {
				block.WriteString(" set")
			} else {
				fmt.Fprintf(block, " map(%s)", strings.Join(atom.List.Keys, ","))
			}
		}
	case inner.Kind() == reflect.Map:
		if atom.Map.ElementRelationship == smd.Atomic {
			block.WriteString(" atomic")
		}
	case inner.Kind() == reflect.Struct:
		model := modelName(inner)
		own, _ := p.schema.Resolve(smd.TypeRef{NamedType: &model})
		if a, b := atom.Map.ElementRelationship == smd.Atomic, own.Map.ElementRelationship == smd.Atomic; a != b {
			block.WriteString(map[bool]string{true: " atomic", false: " granular"}[a])
		}
	}
	if strategy := field.Tag.Get("patchStrategy"); strategy != "" {
		fmt.Fprintf(block, " patch(%s)", strategy)
	}
	if key := field.Tag.Get("patchMergeKey"); key != "" {
		fmt.Fprintf(block, " key(%s)", key)
	}
	if known.Default != nil && atom.Scalar != nil && p.isKey(known) {
		text, err := json.Marshal(known.Default)
		if err != nil {
			fail(err)
		}
		fmt.Fprintf(block, " default(%s)", text)
	}
}

// isKey tells whether some list has a field of this name as a key: only then does its default matter.
func (p *printer) isKey(known smd.StructField) bool {
	for _, definition := range p.schema.Types {
		if definition.Map == nil {
			continue
		}
		for _, field := range definition.Map.Fields {
			list := field.Type.Inlined.List
			if list != nil && slices.Contains(list.Keys, known.Name) {
				return true
			}
		}
	}
	return false
}

func (p *printer) goType(t reflect.Type) string {
	if name, ok := special[t]; ok {
		return name
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + p.goType(t.Elem())
	case reflect.Slice:
		return p.named(t, "[]"+p.goType(t.Elem()))
	case reflect.Map:
		return p.named(t, "map["+p.goType(t.Key())+"]"+p.goType(t.Elem()))
	case reflect.Struct:
		return p.structType(t)
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64, reflect.String, reflect.Uint8:
		if t.PkgPath() != "" {
			return t.Kind().String() + ":" + t.String()
		}
		return t.Kind().String()
	}
	fail(fmt.Errorf("%v: a type that the format has no word for", t))
	return ""
}

// named keeps the name of a named map or slice, which messages about wrong types have in them.
func (p *printer) named(t reflect.Type, text string) string {
	if t.PkgPath() == "" {
		return text
	}
	return t.String() + "=" + text
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
