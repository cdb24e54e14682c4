package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cluster"
)

// mostBackoff is the longest pause between tries of something that fails.
const mostBackoff = 2 * time.Minute

// flags are what can be set on the command line. Names and defaults are
// aad-pod-identity's where it has the same thing.
type flags struct {
	kubeconfig, cloudConfig                         string
	forceNamespaced, keepCompleted, version         bool
	resync, driftInterval, backoff, linger, spacing time.Duration
	electionName, electionNamespace                 string
	electionDuration                                time.Duration
	predecessorLock                                 string
	probePort, metricsPort                          string
	writers                                         int
	clientQPS                                       float64
	immutableMSIs, logFormat, customUserAgent       string
	verbosity                                       int
	broker                                          brokerFlags
	webhookPort, webhookConfiguration               string
}

// brokerFlags set up the part of mic that gets tokens for node agents.
type brokerFlags struct {
	port, advertise, configMap, agent, authorities string
	alone                                          bool
}

// obsolete returns the flags of aad-pod-identity that are accepted, so that its
// arguments can be taken over as they are, and do nothing.
func obsolete() map[string]string {
	return map[string]string{
		"enableProfile":             "there is no profiling endpoint",
		"enableScaleFeatures":       "it was always on",
		"leader-election-instance":  "a replica names itself",
		"config-map-name":           "there is no type upgrade",
		"type-upgrade-status-key":   "there is no type upgrade",
		"enable-type-upgrade":       "there is no type upgrade",
		"update-user-msi-max-retry": "failures are tried again for as long as they are wanted",
		"logtostderr":               "logs always go to standard error",
		"alsologtostderr":           "logs always go to standard error",
		"stderrthreshold":           "logs always go to standard error",
		"log_dir":                   "logs always go to standard error",
		"log_file":                  "logs always go to standard error",
		"vmodule":                   "use --v",
	}
}

// parse reads arguments and returns the obsolete ones that it met.
func parse(args []string, output io.Writer) (*flags, []string, error) {
	f := &flags{}
	set := flag.NewFlagSet("mic", flag.ContinueOnError)
	set.SetOutput(output)
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig `file`; empty: the cluster that mic runs in")
	set.StringVar(&f.cloudConfig, "cloudconfig", "/etc/kubernetes/azure.json", "the cloud provider's `file`: how to sign in, and where; empty: from environment variables (TENANT_ID, CLIENT_ID, CLIENT_SECRET, USE_MSI, …)")
	set.BoolVar(&f.forceNamespaced, "forceNamespaced", envTrue("FORCENAMESPACED"), "confine every identity to pods of its own namespace (also FORCENAMESPACED=true)")
	set.BoolVar(&f.version, "version", false, "print the version and exit")
	set.DurationVar(&f.resync, "syncRetryDuration", time.Hour, "how often every pod is looked at although nothing changed")
	set.DurationVar(&f.driftInterval, "identity-assignment-reconcile-interval", 3*time.Minute, "how often scale sets are read to repair what others removed; 0: never")
	set.DurationVar(&f.backoff, "update-user-msi-retry-interval", time.Second, "pause after a first failure of Azure; it doubles with each further one")
	set.DurationVar(&f.linger, "identity-linger", 0, "how long an identity stays on a scale set after its last pod")
	set.DurationVar(&f.spacing, "scale-set-update-spacing", 500*time.Millisecond, "least time between two changes of one scale set; those in between are gathered")
	set.BoolVar(&f.keepCompleted, "keep-completed-pods", false, "let pods that have finished keep their identities until they are deleted, as aad-pod-identity did")
	set.StringVar(&f.electionName, "leader-election-name", "aad-pod-identity-mic", "name of the Lease by which replicas agree on a leader; empty: there is one replica")
	set.StringVar(&f.electionNamespace, "leader-election-namespace", "default", "namespace of the Lease")
	set.DurationVar(&f.electionDuration, "leader-election-duration", 15*time.Second, "how long the lease lasts unless renewed")
	set.StringVar(&f.predecessorLock, "predecessor-lock", "default/aad-pod-identity-mic", "`namespace/name` of the Endpoints by which aad-pod-identity's mic elects its leader; a leader holds it too, so that the two never run together; empty: there is none")
	set.StringVar(&f.probePort, "http-probe-port", "8080", "`port` of /healthz and /readyz")
	set.StringVar(&f.metricsPort, "prometheus-port", "8888", "`port` of /metrics")
	set.IntVar(&f.writers, "createDeleteBatch", 20, "how many assigned identities are written at the same time")
	set.Float64Var(&f.clientQPS, "clientQps", 0, "requests per second to the API server; 0: as many as it allows")
	set.StringVar(&f.immutableMSIs, "immutable-user-msis", "", "client IDs or resource IDs, by comma, of identities that are never removed from a scale set")
	set.StringVar(&f.logFormat, "log-format", "text", "text or json")
	set.IntVar(&f.verbosity, "v", 0, "1 or more: debug messages")
	set.StringVar(&f.customUserAgent, "custom-user-agent", "", "appended to the user agent")

	set.StringVar(&f.broker.port, "broker-port", "", "`port` for node agents that ask for tokens of service principals and workload identities; empty: there is no broker")
	set.StringVar(&f.broker.advertise, "broker-advertise", os.Getenv("POD_IP"), "address of this replica that agents are told (also POD_IP)")
	set.StringVar(&f.broker.configMap, "broker-configmap", "", "namespace/name of the ConfigMap where agents are told")
	set.StringVar(&f.broker.agent, "broker-agent", "", "namespace/name of the agents' service account")
	set.StringVar(&f.broker.authorities, "broker-authority", "", "token services, by comma, that an AzureIdentity's adEndpoint may name besides the cloud's own")
	set.BoolVar(&f.broker.alone, "broker-only", false, "do nothing but broker: for managed mode")

	set.StringVar(&f.webhookPort, "webhook-port", "", "`port` where API servers ask before they store an identity or a binding; empty: there is no webhook")
	set.StringVar(&f.webhookConfiguration, "webhook-configuration", "lanyard-mic", "`name` of the ValidatingWebhookConfiguration, whose caBundle mic keeps")

	var ignored []string
	for name, why := range obsolete() {
		set.Var(&ignoredFlag{name: name, met: &ignored}, name, "accepted, without effect: "+why)
	}
	if err := set.Parse(args); err != nil {
		return nil, nil, err
	}
	slices.Sort(ignored)
	return f, ignored, f.check(set.Args())
}

func (f *flags) check(rest []string) error {
	for _, port := range []string{f.probePort, f.metricsPort} {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("port %q isn't a number from 1 to 65535", port)
		}
	}
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case f.logFormat != "text" && f.logFormat != "json":
		return fmt.Errorf("--log-format %q is neither text nor json", f.logFormat)
	case f.backoff <= 0:
		return errors.New("--update-user-msi-retry-interval has to be more than 0")
	case f.resync <= 0:
		return errors.New("--syncRetryDuration has to be more than 0")
	case f.predecessorLock != "" && strings.Count(f.predecessorLock, "/") != 1:
		return fmt.Errorf("--predecessor-lock %q isn't namespace/name", f.predecessorLock)
	case f.broker.alone && f.broker.port == "":
		return errors.New("--broker-only needs --broker-port")
	case f.broker.port != "" && (!namespaced(f.broker.configMap) || !namespaced(f.broker.agent)):
		return errors.New("--broker-port needs --broker-configmap and --broker-agent, both as namespace/name")
	case f.webhookPort != "" && f.webhookConfiguration == "":
		return errors.New("--webhook-port needs --webhook-configuration")
	case f.electionName != "" && f.electionDuration < time.Second:
		return errors.New("--leader-election-duration has to be at least 1s")
	}
	return nil
}

func (f *flags) election() cluster.Election {
	e := cluster.Election{Name: f.electionName, Namespace: f.electionNamespace, Duration: f.electionDuration}
	e.Predecessor.Namespace, e.Predecessor.Name, _ = strings.Cut(f.predecessorLock, "/")
	return e
}

func namespaced(text string) bool {
	namespace, name, ok := strings.Cut(text, "/")
	return ok && namespace != "" && name != "" && !strings.Contains(name, "/")
}

func (f *flags) immutable() []string { return strings.Split(f.immutableMSIs, ",") }

func (f *flags) logHandler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if f.verbosity > 0 {
		options.Level = slog.LevelDebug
	}
	if f.logFormat == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

func envTrue(name string) bool {
	value, err := strconv.ParseBool(os.Getenv(name))
	return err == nil && value
}

// ignoredFlag takes any value, and none.
type ignoredFlag struct {
	name string
	met  *[]string
}

func (i *ignoredFlag) String() string   { return "" }
func (i *ignoredFlag) IsBoolFlag() bool { return i != nil && isSwitch(i.name) }

func (i *ignoredFlag) Set(string) error {
	*i.met = append(*i.met, i.name)
	return nil
}

// isSwitch reports whether an obsolete flag stands without a value.
func isSwitch(name string) bool {
	switch name {
	case "enableProfile", "enableScaleFeatures", "enable-type-upgrade", "logtostderr", "alsologtostderr":
		return true
	}
	return false
}
