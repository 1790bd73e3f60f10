// Command wire prints how the types of the API look in protobuf: the numbers of their fields.
//
// It reads the tags of the Go types. The output is src/apiserver/protobuf/messages.txt, whose head
// describes the format; tests/protobuf.rs compares the two.
package main

import (
	"bufio"
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
)

const head = `# How the types of the Kubernetes API look in protobuf, v1.37.2.
# Made by tests/upstream/wire. Edit the program, not this file.
#
# kind GROUP/VERSION KIND MESSAGE    a kind and its message
# message NAME                       its fields follow, a line each
#   NUMBER FIELD TYPE                FIELD as in JSON; - for one whose fields belong to the message itself
#
# TYPE   a message by its name here, string, bool, int, double, bytes, and Quantity, Time, MicroTime,
#        Duration, IntOrString, FieldsV1, Raw, Items (a list of strings) for those that have a form of
#        their own in JSON; []TYPE is a list, {}TYPE a map from strings
`

// groups are the versions that are served.
var groups = []string{
	"v1", "events.k8s.io/v1", "discovery.k8s.io/v1", "rbac.authorization.k8s.io/v1",
	"authentication.k8s.io/v1", "authorization.k8s.io/v1", "apps/v1", "batch/v1", "policy/v1",
	"scheduling.k8s.io/v1", "scheduling.k8s.io/v1alpha3", "scheduling.k8s.io/v1beta1", "storage.k8s.io/v1",
	"coordination.k8s.io/v1", "resource.k8s.io/v1", "autoscaling/v1",
}

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

var blocks = map[string]string{}

func main() {
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprint(out, head)
	for _, text := range groups {
		version, err := gvk.ParseGroupVersion(text)
		if err != nil {
			fail(err)
		}
		types := scheme.Scheme.KnownTypes(version)
		var kinds []string
		for kind := range types {
			options := strings.HasSuffix(kind, "Options") && (kind != "DeleteOptions" || text != "v1")
			if !options && !strings.HasSuffix(kind, "List") && kind != "WatchEvent" && kind != "Status" {
				kinds = append(kinds, kind)
			}
		}
		sort.Strings(kinds)
		fmt.Fprintln(out)
		for _, kind := range kinds {
			fmt.Fprintf(out, "kind %s/%s %s %s\n", version.Group, version.Version, kind, message(types[kind]))
		}
	}
	var names []string
	for name := range blocks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(out, "\n%s", blocks[name])
	}
	if err := out.Flush(); err != nil {
		fail(err)
	}
}

// message prints the struct, once, and answers what the file calls it: core.v1.PodSpec.
func message(t reflect.Type) string {
	path := strings.Split(t.PkgPath(), "/")
	name := strings.Join(append(path[max(0, len(path)-2):], t.Name()), ".")
	if _, ok := blocks[name]; ok {
		return name
	}
	blocks[name] = ""
	var block strings.Builder
	fmt.Fprintf(&block, "message %s\n", name)
	for i := range t.NumField() {
		field := t.Field(i)
		wire := strings.Split(field.Tag.Get("protobuf"), ",")
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if len(wire) < 2 || tag == "-" {
			continue
		}
		if tag == "" {
			tag = "-"
		}
		fmt.Fprintf(&block, "  %s %s %s\n", wire[1], tag, goType(field.Type))
	}
	blocks[name] = block.String()
	return name
}

func goType(t reflect.Type) string {
	if name, ok := special[t]; ok {
		return name
	}
	switch t.Kind() {
	case reflect.Pointer:
		return goType(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + goType(t.Elem())
	case reflect.Map:
		if t.Elem().Kind() == reflect.Slice && t.Elem().Elem().Kind() == reflect.String {
			return "{}Items"
		}
		return "{}" + goType(t.Elem())
	case reflect.Struct:
		return message(t)
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8:
		return "int"
	case reflect.Float64:
		return "double"
	case reflect.Bool, reflect.String:
		return t.Kind().String()
	}
	fail(fmt.Errorf("%v: a type that the format has no word for", t))
	return ""
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
