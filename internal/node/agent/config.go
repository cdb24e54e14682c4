package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// Mode says who decides what pods may have.
type Mode string

// The modes.
const (
	Standard Mode = "standard" // the controller, by AzureAssignedIdentity objects
	Managed  Mode = "managed"  // bindings alone; somebody else puts the identities on the node
)

// Entitlements says who tells the agent about its node's pods and what they may have.
type Entitlements string

// Who tells it.
const (
	ByKubernetes Entitlements = "kubernetes" // the API server, which can't tie the right to read to the node
	ByBroker     Entitlements = "broker"     // mic, which does by the claim in the agent's token
)

// Config is what an operator sets.
type Config struct {
	Node         string
	Mode         Mode
	Entitlements Entitlements
	Metadata     netip.AddrPort
	Agent        netip.Addr
	Port         uint16 // proven
	StrangerPort uint16 // unproven
	LocalPort    uint16 // pods in the node's network
	HookedPort   uint16 // pods that hooks lead to the agent
	Attestation  Attestation
	// Hops is how many routers an answer may pass; 0 is as many as the system allows.
	Hops int
	// SelfTest keeps the agent from being ready until a pod's request has reached it.
	SelfTest bool
	// HookFolder is where hooks are pinned.
	HookFolder string
	// Network says how pods are connected to the node.
	Network       pods.Network
	RuntimeSocket string
	Kube          kube.Config
	Probe         string // address to listen on; empty for none
	Metrics       string
	// Upstream is the node's metadata service; empty is the metadata address.
	Upstream string
	// UpstreamTokenFile holds the agent's token for a metadata service that isn't the node's own, and UpstreamCAFile that
	// service's authority; empty for the node's.
	UpstreamTokenFile, UpstreamCAFile string
	// NodeAccounts are "namespace/name" of service accounts whose pods may use the node's own identities.
	NodeAccounts []string
	// ExceptionNamespaces are those whose AzurePodIdentityExceptions count; "*" is every one.
	ExceptionNamespaces []string
	// ExceptionAccounts, if any, are "namespace/name" of the only service accounts whose pods can be excepted.
	ExceptionAccounts []string
	// BrokerConfigMap ("namespace/name") is where mic's replicas say that they get tokens of service principals and workload
	// identities; empty if they don't. BrokerTokenFile holds the service account token to ask them with.
	BrokerConfigMap, BrokerTokenFile string
	// Snapshot is the folder, in memory, where what pods may have is kept over a restart; empty keeps nothing. MaxAge is how old
	// that, or what the API server last said to a running agent, may be for callers that were not served before.
	Snapshot string
	MaxAge   time.Duration
	// CloudConfig is the node's azure.json, which tells the identity that no pod is given; empty for none.
	CloudConfig     string
	ForceNamespaced bool
	BlockInstance   bool
	Patience        time.Duration
	Young           time.Duration
	// Keep is for how long a token is given out before the node's metadata service is asked whether it still gives that one; 0 is until
	// around the middle of its life.
	Keep      time.Duration
	PerSecond float64
	Cgroups   Cgroups
}

// Cgroups says how to find the groups that the redirect tells sockets by.
type Cgroups struct {
	// Mount is where the version 2 hierarchy is mounted; empty looks it up.
	Mount string
	// Kubepods is the pods' common group; empty derives it from the agent's own, and None does without.
	Kubepods string
	// Namespace is the file of the host's cgroup namespace, for installing the rules from a container that has one of its
	// own (which it has where the machine knows cgroup version 2 only).
	Namespace string
}

// None, as the kubepods group, leaves sockets of the node's network alone.
const None = "none"

// Validate reports the first thing that is wrong, in a sentence for the operator.
func (c Config) Validate() error {
	switch {
	case c.Mode != Standard && c.Mode != Managed:
		return fmt.Errorf("operation mode %q is not known: it is standard or managed", c.Mode)
	case c.Mode == Managed && !c.ForceNamespaced:
		return errors.New("operation mode managed gives pods identities of their own namespace only: leave out --forceNamespaced=false")
	case c.Entitlements != ByKubernetes && c.Entitlements != ByBroker:
		return fmt.Errorf("entitlements %q are not known: they come by kubernetes or broker", c.Entitlements)
	case c.Entitlements == ByBroker && c.BrokerConfigMap == "":
		return errors.New("entitlements by broker need to know where mic is: --broker-configmap")
	case c.Attestation != ByBinding && c.Attestation != ByEBPF:
		return fmt.Errorf("attestation %q is not known: it is binding or ebpf", c.Attestation)
	case c.Network != pods.Routed && c.Network != pods.Bridge && c.Network != pods.Other:
		return fmt.Errorf("pod network %q is not known: it is routed, bridge or other", c.Network)
	case c.Network == pods.Other && c.Attestation != ByEBPF:
		return errors.New("pods on another network than a routed one or a bridge can be proven by hooks alone: --attestation=ebpf")
	case c.Attestation == ByEBPF && c.Cgroups.Kubepods == None:
		return errors.New("hooks are on the pods' cgroup: --kubepods-cgroup=none leaves nothing to put them on")
	case c.Node == "":
		return errors.New("the node's name is missing: set --node or NODE_NAME")
	case c.Hops < 0 || c.Hops > 255:
		return fmt.Errorf("%d is not a number of hops: it is 0 to 255", c.Hops)
	case c.Keep < 0 || c.MaxAge < 0:
		return errors.New("times to keep what is known can't be negative")
	case c.Patience <= 0 || c.Young <= 0:
		return errors.New("times to wait have to be positive")
	}
	for _, account := range slices.Concat(c.NodeAccounts, c.ExceptionAccounts) {
		namespace, name, ok := strings.Cut(account, "/")
		if !ok || namespace == "" || name == "" || strings.ContainsAny(account, "*? ") || strings.Contains(name, "/") {
			return fmt.Errorf("service account %q is not an exact namespace/name", account)
		}
	}
	return nil
}

// nodeClientID gives the client ID of the identity that the node signs in with, or "" if it has none of its own.
func (c Config) nodeClientID() (string, error) {
	if c.CloudConfig == "" {
		return "", nil
	}
	content, err := os.ReadFile(c.CloudConfig)
	if err != nil {
		return "", fmt.Errorf("reading the node's cloud configuration: %w", err)
	}
	var file struct { // the rest, which may hold a secret, is not looked at
		ClientID string `json:"userAssignedIdentityID"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return "", fmt.Errorf("reading the node's cloud configuration %s: it is not JSON", c.CloudConfig)
	}
	return strings.TrimSpace(file.ClientID), nil
}

// maxAge is ten minutes unless set.
func (c Config) maxAge() time.Duration {
	if c.MaxAge > 0 {
		return c.MaxAge
	}
	const usual = 10 * time.Minute
	return usual
}

// leastAge is how old what is known gets while all is well.
const leastAge = 2 * time.Minute

// young is the age up to which a pod without any identity is waited for. In managed mode nothing is being assigned: it is
// the moment until bindings that came in one go with the pod are seen.
func (c Config) young() time.Duration {
	const oneGo = 3 * time.Second
	if c.Mode == Managed {
		return min(c.Young, oneGo)
	}
	return c.Young
}

// addresses are the parts of the redirect that need no looking up.
func (c Config) addresses() redirect.Config {
	config := redirect.Config{
		Metadata: c.Metadata, Agent: c.Agent, Proven: c.Port, Unproven: c.StrangerPort, Local: c.LocalPort,
		Bridge: c.Network == pods.Bridge, Unbound: c.Network == pods.Other,
	}
	if c.Attestation == ByEBPF {
		config.Hooked = c.HookedPort
	}
	return config
}

// redirectConfig resolves all that installing the redirect needs.
func (c Config) redirectConfig() (redirect.Config, error) {
	config := c.addresses()
	if c.Cgroups.Kubepods == None {
		return config, nil
	}
	mount, own, err := c.Cgroups.find()
	if err != nil {
		return config, err
	}
	kubepods := c.Cgroups.Kubepods
	if kubepods == "" {
		var ok bool
		if kubepods, ok = redirect.KubepodsAbove(own); !ok {
			return config, fmt.Errorf("the pods' cgroup can't be told from the agent's own (%s): install the rules from the node's "+
				"cgroup namespace (a privileged container, chart value nmi.rulesPrivileged; or --host-cgroup-namespace), or name it "+
				"(--kubepods-cgroup)", own)
		}
	}
	if config.Kubepods, err = redirect.FindCgroup(mount, kubepods); err != nil {
		return config, err
	}
	if strings.HasPrefix(own+"/", strings.TrimSuffix(config.Kubepods.Path, "/")+"/") {
		config.Self, err = redirect.FindCgroup(mount, own)
	}
	return config, err
}

// openConfig resolves what taking over an installed redirect needs, which is less: the agent's own group. In a cgroup
// namespace of its own that is the root of what it sees, and the rules, which an init container of the same pod made, know
// how deep it lies.
func (c Config) openConfig() (redirect.Config, error) {
	config := c.addresses()
	if c.Cgroups.Kubepods == None {
		return config, nil
	}
	mount, own, err := c.Cgroups.find()
	if err != nil {
		return config, err
	}
	if config.Self, err = redirect.FindCgroup(mount, own); err != nil {
		return config, err
	}
	config.Self.Level = max(config.Self.Level, 1)
	return config, nil
}

// mount gives where the version 2 hierarchy is mounted.
func (c Cgroups) mount() (string, error) {
	if c.Mount != "" {
		return c.Mount, nil
	}
	return redirect.CgroupMount()
}

// find gives the mount of the version 2 hierarchy and the process's own group in it.
func (c Cgroups) find() (mount, own string, err error) {
	if mount, err = c.mount(); err != nil {
		return "", "", err
	}
	if own, err = redirect.OwnCgroup(); err == nil && own == "/" && c.Mount != "" {
		// A cgroup namespace of its own: what it calls "/" is the root of its own mount, not of the node's.
		mount, err = redirect.CgroupMount()
	}
	return mount, own, err
}
