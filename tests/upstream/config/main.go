// config says what kube-scheduler makes of configuration files.
//
// It reads cases from standard input, one JSON document a line, and writes each back with what was said of it:
//
//	{"name": "...", "gates": "A=true,B=false", "config": "the text of a file", "upstream": ["...", ...]}
//
// With -gates it prints the feature gates that kube-scheduler knows instead: name, stage, default, and whether the
// gate can be set to something else.
//
// upstream is empty where the file is accepted. A line is a finding: of reading the file, of checking it, or of
// making the profiles from it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	_ "k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"k8s.io/kubernetes/pkg/scheduler/profile"
)

type testCase struct {
	Name     string   `json:"name"`
	Gates    string   `json:"gates,omitempty"`
	Config   string   `json:"config"`
	Upstream []string `json:"upstream"`
	// What berth says where it is something else, and why.
	Berth []string `json:"berth,omitempty"`
	Why   string   `json:"why,omitempty"`
}

// said is what is wrong with a file; the gates have been set.
func said(ctx context.Context, text string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	file, err := os.CreateTemp("", "config-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	cfg, err := options.LoadConfigFromFile(klog.FromContext(ctx), file.Name())
	if err != nil {
		return err
	}
	if err := validation.ValidateKubeSchedulerConfiguration(cfg); err != nil {
		return err
	}
	client := fake.NewClientset()
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	_, err = scheduler.New(ctx, client, informers.NewSharedInformerFactory(client, 0), nil,
		profile.NewRecorderFactory(broadcaster),
		scheduler.WithComponentConfigVersion(cfg.TypeMeta.APIVersion),
		scheduler.WithProfiles(cfg.Profiles...),
		scheduler.WithPercentageOfNodesToScore(cfg.PercentageOfNodesToScore),
		scheduler.WithPodMaxBackoffSeconds(cfg.PodMaxBackoffSeconds),
		scheduler.WithPodInitialBackoffSeconds(cfg.PodInitialBackoffSeconds),
		scheduler.WithExtenders(cfg.Extenders...),
		scheduler.WithParallelism(cfg.Parallelism))
	return err
}

func findings(err error) []string {
	lines := []string{}
	if all, ok := err.(utilerrors.Aggregate); ok {
		for _, one := range all.Errors() {
			lines = append(lines, one.Error())
		}
	} else if err != nil {
		lines = append(lines, err.Error())
	}
	return lines
}

// withGates sets the gates, does something, and sets them back.
func withGates(gates string, do func() error) error {
	mutable := utilfeature.DefaultMutableFeatureGate
	before := map[string]bool{}
	for gate := range mutable.GetAll() {
		before[string(gate)] = mutable.Enabled(gate)
	}
	if err := mutable.Set(gates); err != nil {
		return err
	}
	defer func() {
		if gates == "" {
			return
		}
		if err := mutable.SetFromMap(before); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}()
	return do()
}

func printGates() {
	all := utilfeature.DefaultMutableFeatureGate.GetAll()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		spec, lock := all[name], "free"
		if spec.LockToDefault {
			lock = "locked"
		}
		stage := strings.ToLower(string(spec.PreRelease))
		if stage == "" {
			stage = "ga"
		}
		fmt.Println(name, stage, spec.Default, lock)
	}
}

func main() {
	gates := flag.Bool("gates", false, "print the feature gates")
	flag.Parse()
	if *gates {
		printGates()
		return
	}
	klog.SetLogger(logr.Discard())
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var c testCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		ctx, cancel := context.WithCancel(context.Background())
		err := withGates(c.Gates, func() error { return said(ctx, c.Config) })
		cancel()
		c.Upstream = findings(err)
		if err := out.Encode(c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
}
