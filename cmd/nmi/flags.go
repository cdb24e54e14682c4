package main

import (
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/node/agent"
	"github.com/lanyard-project/lanyard/internal/node/pods"
)

type options struct {
	config   agent.Config
	warnings []string
	version  bool
	once     time.Duration
}

type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

// replacing is a list whose default goes with the first value given.
type replacing struct {
	list  *[]string
	given bool
}

func (r *replacing) String() string { return "" }
func (r *replacing) Set(value string) error {
	if !r.given {
		r.given, *r.list = true, nil
	}
	if value != "" {
		*r.list = append(*r.list, value)
	}
	return nil
}

// numbers are ports while they are flags.
type numbers struct {
	metadataIP, agentAddress                     string
	metadataPort, port, strangers, local, hooked uint
	probe, metrics                               uint
	probeAddress, metricsAddress                 string
}

func parse(arguments []string, output io.Writer) (options, error) {
	var o options
	var n numbers
	set := flag.NewFlagSet("nmi", flag.ContinueOnError)
	set.SetOutput(output)
	declare(set, &o, &n)
	declareObsolete(set, &o.warnings)
	if err := set.Parse(arguments); err != nil {
		return o, err
	}
	o.warnings = append(o.warnings, obsoleteEnvironment(os.LookupEnv)...)
	if set.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if o.config.Mode == agent.Managed && !given(set, "forceNamespaced") {
		o.config.ForceNamespaced = true
	}
	return o, n.apply(&o.config)
}

// given reports whether a flag is on the command line.
func given(set *flag.FlagSet, name string) bool {
	found := false
	set.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

func declare(set *flag.FlagSet, o *options, n *numbers) {
	c := &o.config
	set.BoolVar(&o.version, "version", false, "print the version and end")
	set.DurationVar(&o.once, "once", 0, "with nmi probe: end as soon as the agent has answered, or with an error if it hasn't after so long; 0 asks for ever")
	set.StringVar(&c.Node, "node", os.Getenv("NODE_NAME"), "name of the node (NODE_NAME)")
	set.StringVar((*string)(&c.Mode), "operation-mode", string(agent.Standard),
		"standard: mic assigns identities; managed: without mic, bindings alone say what pods of their namespace may have")
	set.StringVar((*string)(&c.Network), "pod-network", string(pods.Routed),
		"how pods are connected to the node: routed (each by an interface and a route of its own), bridge, or other (with --attestation=ebpf); "+
			"pods that are connected otherwise are refused")
	set.StringVar((*string)(&c.Attestation), "attestation", string(agent.ByBinding),
		"how callers are proven: binding (by the interface and address of their packets) or ebpf (by hooks in the kernel, where they connect)")
	set.StringVar(&c.HookFolder, "hook-folder", "/sys/fs/bpf/lanyard", "where hooks are pinned, in a BPF file system")
	set.StringVar(&n.metadataIP, "metadata-ip", "169.254.169.254", "address at which pods ask")
	set.UintVar(&n.metadataPort, "metadata-port", 80, "port at which pods ask")
	set.StringVar(&n.agentAddress, "agent-address", "169.254.25.79", "address of the agent, put on the node's loopback interface")
	set.UintVar(&n.port, "nmi-port", 2579, "the agent's port for pods that are proven")
	set.UintVar(&n.strangers, "unproven-port", 2580, "the agent's port for everybody else, who is refused")
	set.UintVar(&n.local, "host-network-port", 2581, "the agent's port for pods in the node's network, who are proven by their sockets")
	set.UintVar(&n.hooked, "hooked-port", 2582, "the agent's port for pods that hooks lead there, with --attestation=ebpf")
	set.IntVar(&c.Hops, "hop-limit", 1, "how many routers an answer may pass, the pod being the last: 1 keeps it from networks behind pods; 0 for no limit")
	set.BoolVar(&c.SelfTest, "self-test", false, "be ready only when a request of a pod (see nmi probe) has come all the way")
	set.UintVar(&n.probe, "http-probe-port", 8085, "port of /healthz and /readyz; 0 for none")
	set.StringVar(&n.probeAddress, "http-probe-address", "", "address of /healthz and /readyz; empty for all")
	set.UintVar(&n.metrics, "prometheus-port", 9090, "port of /metrics; 0 for none")
	set.StringVar(&n.metricsAddress, "prometheus-address", "127.0.0.1", "address of /metrics; empty for all")
	set.StringVar(&c.RuntimeSocket, "runtime-endpoint", "unix:///run/containerd/containerd.sock", "the container runtime's CRI socket")
	set.StringVar(&c.Upstream, "metadata-endpoint", "", "URL of the node's metadata service, if not at the metadata address")
	set.StringVar(&c.UpstreamTokenFile, "metadata-token-file", "", "file of the token that is shown to --metadata-endpoint, if it isn't the node's own; empty shows none")
	set.StringVar(&c.UpstreamCAFile, "metadata-ca-file", "", "file of the certificate authority of --metadata-endpoint, with --metadata-token-file")
	set.StringVar(&c.Kube.Server, "kube-api", "", "URL of the API server; empty for the cluster's own")
	set.StringVar(&c.Kube.TokenFile, "kube-token-file", "", "file of the service account's token; empty for the pod's own")
	set.StringVar(&c.Kube.CAFile, "kube-ca-file", "", "file of the API server's certificate authority; empty for the pod's own")
	set.StringVar(&c.CloudConfig, "cloudconfig", "", "the node's azure.json, for the identity of the nodes themselves, which no pod is given; empty for none")
	set.Var((*list)(&c.NodeAccounts), "node-identity-service-account",
		"namespace/name of a service account whose pods may use the node's own identities (mic's); repeatable")
	set.StringVar((*string)(&c.Entitlements), "entitlements", string(agent.ByKubernetes),
		"who tells the agent about its node's pods and what they may have: kubernetes, or broker for mic, which tells it of no other node's")
	set.StringVar(&c.BrokerConfigMap, "broker-configmap", "",
		"namespace/name of the ConfigMap where mic's replicas announce that they get tokens of service principals and workload identities; empty for none")
	set.StringVar(&c.BrokerTokenFile, "broker-token-file", "/var/run/secrets/lanyard/broker/token", "file of the service account token for them")
	set.StringVar(&c.Snapshot, "snapshot-folder", "", "folder in memory (tmpfs) where what pods may have is kept, sealed, over a restart; empty keeps nothing")
	set.DurationVar(&c.MaxAge, "snapshot-max-age", 10*time.Minute, "how old what the API server last said may be for pods that have not been served before; it speaks about once a minute")
	c.ExceptionNamespaces = []string{"kube-system"}
	set.Var(&replacing{list: &c.ExceptionNamespaces}, "exception-namespace",
		"namespace whose AzurePodIdentityExceptions count; repeatable, \"*\" is every one, empty is none; kube-system if not given")
	set.Var((*list)(&c.ExceptionAccounts), "exception-service-account",
		"namespace/name of a service account whose pods can be excepted, when not all of those namespaces can; repeatable")
	set.BoolVar(&c.ForceNamespaced, "forceNamespaced", os.Getenv("FORCENAMESPACED") == "true",
		"let pods use identities of their own namespace only (FORCENAMESPACED); always so in managed mode")
	set.BoolVar(&c.BlockInstance, "block-instance-metadata", false, "refuse /metadata/instance")
	set.DurationVar(&c.Patience, "assignment-timeout", 20*time.Second, "how long a request waits for its identity to be assigned")
	set.DurationVar(&c.Young, "young-pod", 2*time.Minute, "age up to which a labelled pod without any assigned identity is waited for; 3s at most in managed mode")
	set.DurationVar(&c.Keep, "token-recheck", 5*time.Minute,
		"how long a token is given out before the node's metadata service is asked whether it still gives that one; 0 is until around the middle of its life")
	set.Float64Var(&c.PerSecond, "requests-per-second", 100, "requests that one pod may make; 0 for no limit")
	set.StringVar(&c.Cgroups.Mount, "cgroup-mount", "", "where the cgroup version 2 hierarchy is mounted; empty looks it up")
	set.StringVar(&c.Cgroups.Namespace, "host-cgroup-namespace", "",
		"file of the host's cgroup namespace (/proc/1/ns/cgroup), for installing the rules from a container that has its own")
	set.StringVar(&c.Cgroups.Kubepods, "kubepods-cgroup", "",
		"the pods' common cgroup; empty derives it from the agent's own; \"none\" leaves pods in the node's network alone")
}

// apply turns addresses and ports into what the agent takes.
func (n numbers) apply(c *agent.Config) error {
	for _, port := range []uint{n.metadataPort, n.port, n.strangers, n.local, n.hooked, n.probe, n.metrics} {
		if port > 65535 {
			return fmt.Errorf("%d is not a port", port)
		}
	}
	metadata, err := netip.ParseAddr(n.metadataIP)
	if err != nil {
		return fmt.Errorf("reading --metadata-ip: %w", err)
	}
	if c.Agent, err = netip.ParseAddr(n.agentAddress); err != nil {
		return fmt.Errorf("reading --agent-address: %w", err)
	}
	c.Metadata = netip.AddrPortFrom(metadata, uint16(n.metadataPort))
	c.Port, c.StrangerPort = uint16(n.port), uint16(n.strangers)
	c.LocalPort, c.HookedPort = uint16(n.local), uint16(n.hooked)
	if n.probe != 0 {
		c.Probe = n.probeAddress + ":" + strconv.FormatUint(uint64(n.probe), 10)
	}
	if n.metrics != 0 {
		c.Metrics = n.metricsAddress + ":" + strconv.FormatUint(uint64(n.metrics), 10)
	}
	return nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
