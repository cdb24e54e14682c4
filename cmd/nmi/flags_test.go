package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/node/agent"
)

// The command lines of the predecessor's manifests and chart, with every value that its chart can set.
func TestPredecessorsFlags(t *testing.T) {
	t.Setenv("NODE_NAME", "from-env")
	t.Setenv("FORCENAMESPACED", "true")
	var output bytes.Buffer
	got, err := parse([]string{
		"--node=n1", "--http-probe-port=8080", "--enableScaleFeatures=true", "--metadata-header-required=true",
		"--operation-mode=standard", "--nmi-port=2600", "--prometheus-port=9091", "--ipt-update-interval-sec=30",
		"--MICNamespace=default", "--retry-attempts-for-created=16", "--retry-attempts-for-assigned=4",
		"--find-identity-retry-interval=5", "--block-instance-metadata=true", "--allow-network-plugin-kubenet=false",
		"--kubelet-config=/etc/default/kubelet", "--set-retry-after-header=true", "--enable-conntrack-deletion",
		"--metadata-ip=169.254.169.254", "--metadata-port=80", "--nmi-listen-address=127.0.0.1", "--log-format=json", "--enableProfile",
		"--custom-user-agent=x", "--v=2", "-vmodule=a=1", "--stderrthreshold=2", "--log_backtrace_at=:0", "--log_dir=/", "--log_file=x",
		"--log_file_max_size=1", "--logtostderr", "--alsologtostderr=false", "--add_dir_header", "--one_output", "--skip_headers", "--skip_log_headers",
	}, &output)
	if err != nil {
		t.Fatal(err)
	}
	c := got.config
	if c.Node != "n1" || c.Probe != ":8080" || c.Port != 2600 || c.Metrics != "127.0.0.1:9091" || !c.BlockInstance || !c.ForceNamespaced {
		t.Errorf("config %+v", c)
	}
	if len(got.warnings) != len(obsolete()) {
		t.Errorf("%d warnings for %d obsolete flags: %v", len(got.warnings), len(obsolete()), got.warnings)
	}
}

func TestFlagsRefused(t *testing.T) {
	for _, arguments := range [][]string{
		{"--nmi-port=70000"}, {"--metadata-ip=x"}, {"--agent-address="}, {"stray"}, {"--unknown"},
	} {
		if _, err := parse(arguments, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was taken", arguments)
		}
	}
	err := run(t.Context(), []string{"--node=n", "--operation-mode=managed", "--forceNamespaced=false"}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "own namespace only") {
		t.Errorf("managed mode across namespaces: %v", err)
	}
}

// The predecessor insists on --forceNamespaced in managed mode; here it may be left out.
func TestManagedModeIsNamespaced(t *testing.T) {
	for _, arguments := range [][]string{
		{"--operation-mode=managed"}, {"--operation-mode=managed", "--forceNamespaced"}, {"--operation-mode=managed", "--forceNamespaced=true"},
	} {
		got, err := parse(append(arguments, "--node=n"), &bytes.Buffer{})
		if err != nil || got.config.Mode != agent.Managed || !got.config.ForceNamespaced || got.config.Validate() != nil {
			t.Errorf("%v: %v, %+v, %v", arguments, err, got.config, got.config.Validate())
		}
	}
}

func TestExceptionNamespaces(t *testing.T) {
	for _, test := range []struct{ arguments, want []string }{
		{nil, []string{"kube-system"}},
		{[]string{"--exception-namespace=a", "--exception-namespace=b"}, []string{"a", "b"}},
		{[]string{"--exception-namespace="}, nil},
	} {
		if got, err := parse(test.arguments, &bytes.Buffer{}); err != nil || !slices.Equal(got.config.ExceptionNamespaces, test.want) {
			t.Errorf("%v: %v, %v, want %v", test.arguments, got.config.ExceptionNamespaces, err, test.want)
		}
	}
}

func TestPredecessorsEnvironment(t *testing.T) {
	warnings := obsoleteEnvironment(func(name string) (string, bool) { return "", name == "MSI_ENDPOINT" })
	if len(warnings) != 1 || !strings.Contains(warnings[0], "--metadata-endpoint") {
		t.Errorf("warnings %v", warnings)
	}
}
