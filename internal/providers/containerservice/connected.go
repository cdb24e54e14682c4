package containerservice

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters/connected"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// A connected managed cluster stands for a Kubernetes that somebody else runs. What AKS does with identities is done with
// it; what AKS does with nodes and control planes is refused.

// Connected speaks to such clusters. *connected.Clusters is one.
type Connected interface {
	Look(ctx context.Context, k connected.Kubeconfig) (connected.Facts, error)
	Apply(ctx context.Context, k connected.Kubeconfig, set objects.Set) error
	Missing(ctx context.Context, k connected.Kubeconfig) ([]string, error)
	Review(ctx context.Context, k connected.Kubeconfig, token, audience string) (connected.Account, error)
	Prove(ctx context.Context, k connected.Kubeconfig, keys []byte) error
}

// connectedProfile is what makes a managed cluster a connected one. The kubeconfig itself is sealed in the state.
type connectedProfile struct {
	Server string `json:"server"`
	// MetadataEndpoint is where the cluster's nodes reach this cloud, if that isn't its origin.
	MetadataEndpoint string `json:"metadataEndpoint"`
	// ImageRepository, PodNetwork, RuntimeFolder and CgroupFolder say what nmi finds on the nodes, as the chart's values of
	// the same names.
	ImageRepository string `json:"imageRepository"`
	PodNetwork      string `json:"podNetwork"`
	RuntimeFolder   string `json:"runtimeFolder"`
	CgroupFolder    string `json:"cgroupFolder"`
}

// connectedState is what is known of the cluster behind it.
type connectedState struct {
	Kubeconfig []byte `json:"kubeconfig,omitempty"` // sealed
	// Cluster is the UID of the namespace kube-system: another one is another cluster. That it is the same one, a new
	// kubeconfig has to lead to who signs with its keys.
	Cluster string `json:"cluster,omitempty"`
	Version string `json:"version,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
}

const connectedKind = "Connected"

func (p properties) connected() bool { return p.ConnectedProfile != nil }

func isConnected(cluster *resource.Resource) bool {
	is, err := resource.Read[properties](cluster)
	return err == nil && is.connected()
}

// takeKubeconfig moves the kubeconfig out of the document into the state, sealed. before are the properties of the stored
// cluster, nil when it is made.
func (p *Provider) takeKubeconfig(d document, s *state, before *properties) *rest.Error {
	profile := asObject(d["connectedProfile"])
	switch {
	case profile == nil && (before == nil || !before.connected()):
		return nil
	case profile == nil || before != nil && !before.connected():
		return changeNotAllowed("connectedProfile")
	case p.Connected == nil:
		return notOffered("ConnectedClustersNotOffered", "connectedProfile", "Connecting a cluster that is run elsewhere")
	}
	sent, of := profile.text("kubeconfig"), profile.text("context")
	delete(profile, "kubeconfig")
	delete(profile, "context")
	delete(profile, "server")
	if sent == "" {
		if before == nil {
			return invalidParameter("connectedProfile.kubeconfig", "the kubeconfig of the cluster is missing: send one, in base64")
		}
		profile["server"] = before.ConnectedProfile.Server
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(sent)
	if err != nil {
		return invalidParameter("connectedProfile.kubeconfig", "it isn't in base64")
	}
	parsed, err := connected.Parse(raw, of)
	if err != nil {
		return invalidParameter("connectedProfile.kubeconfig", "%v", err)
	}
	if !p.connectable(parsed.Server) {
		return refused("ServerNotConnectable", "This cloud connects no cluster at '"+parsed.Server.Host+"': its operator names the API servers that it may speak to, with lanyardd serve --connectable HOST[:PORT].", "connectedProfile.kubeconfig")
	}
	written, err := parsed.Write("connected", "connected")
	if err != nil {
		return invalidParameter("connectedProfile.kubeconfig", "it can't be kept")
	}
	s.Connected.Kubeconfig = p.Box.Seal([]byte(written.Reveal()), kubeconfigContext(s.Key))
	profile["server"] = parsed.Server.String()
	return nil
}

// connectable reports whether the operator lets this cloud speak to a server, which others than he name.
func (p *Provider) connectable(server *url.URL) bool {
	port := server.Port()
	if port == "" {
		port = "443"
	}
	return slices.ContainsFunc(p.Connectable, func(one string) bool {
		return one == "*" || strings.EqualFold(one, server.Hostname()) || strings.EqualFold(one, server.Hostname()+":"+port) || strings.EqualFold(one, server.Host)
	})
}

func kubeconfigContext(key string) string { return "kubeconfig/" + key }

// way is the way to a connected cluster. One whose server the operator has since struck off his list has none.
func (p *Provider) way(s state) (connected.Kubeconfig, error) {
	plain, err := p.Box.Open(s.Connected.Kubeconfig, kubeconfigContext(s.Key))
	if err != nil {
		return connected.Kubeconfig{}, fmt.Errorf("opening the kubeconfig of a connected cluster: %w", err)
	}
	k, err := connected.Parse(plain, "")
	if err == nil && (p.Connected == nil || !p.connectable(k.Server)) {
		return connected.Kubeconfig{}, refused("ServerNotConnectable", "This cloud speaks to no cluster at '"+k.Server.Host+"' any more: its operator names the API servers that it may speak to, with lanyardd serve --connectable HOST[:PORT].", "connectedProfile")
	}
	return k, err
}

// apply brings objects into the cluster, whoever runs it.
func (p *Provider) apply(ctx context.Context, w *work, set objects.Set) error {
	if !w.is.connected() {
		return p.Engine.Apply(ctx, w.state.Key, set)
	}
	k, err := p.way(w.state)
	if err != nil {
		return err
	}
	return p.Connected.Apply(ctx, k, set)
}

// missing names what was brought into the cluster and is there no more.
func (p *Provider) missing(ctx context.Context, cluster *resource.Resource, s state) ([]string, error) {
	if !isConnected(cluster) {
		return p.Engine.Missing(ctx, s.Key)
	}
	k, err := p.way(s)
	if err != nil {
		return nil, err
	}
	gone, err := p.Connected.Missing(ctx, k)
	if err != nil {
		return nil, err
	}
	facts, err := p.Connected.Look(ctx, k)
	if err == nil && string(facts.Keys) != string(s.IssuerKeys) {
		gone = append(gone, "the keys of its tokens")
	}
	return gone, err
}

// ours refuses what the service can do with clusters that it runs alone, and with those only where it runs clusters at all.
func (p *Provider) ours(cluster *resource.Resource, what string) *rest.Error {
	switch {
	case isConnected(cluster):
		return notOnConnected(cluster.ID.Name(), what)
	case p.Engine == nil:
		return noEngine()
	}
	return nil
}

// forOurs is an action of clusters that the service runs.
func (p *Provider) forOurs(what string, run func(context.Context, *providers.Request) (rest.Response, error)) func(context.Context, *providers.Request) (rest.Response, error) {
	return func(ctx context.Context, r *providers.Request) (rest.Response, error) {
		if e := p.ours(r.Old, what); e != nil {
			return rest.Response{}, e
		}
		return run(ctx, r)
	}
}

func notOnConnected(name, what string) *rest.Error {
	return refused("OperationNotAllowedOnConnectedCluster", what+" is not possible: managed cluster '"+name+"' is connected, and its control plane and nodes are not run by this cloud. Do it where the cluster is run.", "connectedProfile")
}

func noEngine() *rest.Error {
	return refused("ClustersNotOffered", "This cloud runs no clusters of its own. Connect one that is run elsewhere, by connectedProfile.kubeconfig, or start lanyardd with --clusters=local, on Linux and as root.", "agentPoolProfiles")
}

// connectedKubeconfig hands the kubeconfig out with the names that AKS gives. A connected cluster has no other accounts than
// the one by which it was connected.
func (p *Provider) connectedKubeconfig(r *providers.Request, s state, account string) (secret.String, error) {
	if account == clusterMonitoring {
		return secret.String{}, notOnConnected(r.ID.Name(), "Getting a credential that may look on only")
	}
	k, err := p.way(s)
	if err != nil {
		return secret.String{}, err
	}
	return k.Write(r.ID.Name(), account+"_"+r.ID.ResourceGroup()+"_"+r.ID.Name())
}
