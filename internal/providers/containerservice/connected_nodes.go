package containerservice

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters/connected"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// ConnectedPath is where nmi on the nodes of connected clusters asks for what instance metadata gives others: below it come
// the cluster's key and the path of instance metadata.
const ConnectedPath = "/lanyard/connected/"

// nodeAgent is the account of nmi in clusters, by the release's name.
const nodeAgent = "system:serviceaccount:" + addonExceptionNamespace + ":" + podIdentityRelease + "-nmi"

// nodeAudience is what nmi's tokens have to be for: this cloud, about this cluster.
func (p *Provider) nodeAudience(key string) string { return p.Origin + ConnectedPath + key }

// nodeEndpoint is where its nodes find it.
func (p *Provider) nodeEndpoint(w *work) string {
	base := p.Origin
	if given := w.is.ConnectedProfile.MetadataEndpoint; given != "" {
		base = strings.TrimSuffix(given, "/")
	}
	return base + ConnectedPath + w.state.Key
}

// ErrNotNode is returned for who isn't the agent on a node of a connected cluster with pod identities.
var ErrNotNode = errors.New("the caller isn't the node agent of a connected cluster")

// ErrBusy is returned when too many callers prove themselves at a time.
var ErrBusy = errors.New("too many nodes prove themselves at the moment")

// ConnectedNode is what a node of a connected cluster may have: its pod identities, as the scale sets of other clusters have
// them.
type ConnectedNode struct {
	Cluster    *resource.Resource
	TenantID   string
	Name       string // "" if the cluster doesn't tell
	Identities []Principal
}

// ConnectedNode says what who shows this token may have. The token is that of nmi's service account, and the cluster itself
// says whether it is good.
func (p *Provider) ConnectedNode(ctx context.Context, key string, presented secret.String) (ConnectedNode, error) {
	cluster, s, err := p.keyed(ctx, key)
	if err != nil {
		return ConnectedNode{}, err
	}
	if cluster == nil || !plausible(presented, p.nodeAudience(key), p.Clock.Now().Unix()) {
		return ConnectedNode{}, ErrNotNode
	}
	is, err := resource.Read[properties](cluster)
	if err != nil {
		return ConnectedNode{}, err
	}
	if !is.connected() || !is.PodIdentityProfile.on() || cluster.ProvisioningState == resource.Deleting {
		return ConnectedNode{}, ErrNotNode
	}
	k, err := p.way(s)
	if err != nil {
		return ConnectedNode{}, err
	}
	// Strangers' tokens are told from its own before it is asked. Those with a key that isn't known, which may be its newest,
	// have a place apart.
	place := key
	switch _, err := connected.Signed(s.IssuerKeys, presented.Reveal()); {
	case errors.Is(err, connected.ErrUnknownKey):
		place += " unknown key"
	case err != nil:
		return ConnectedNode{}, ErrNotNode
	}
	if !p.proofs.begin(place) {
		return ConnectedNode{}, ErrBusy
	}
	defer p.proofs.end(place)
	account, err := p.Connected.Review(ctx, k, presented.Reveal(), p.nodeAudience(key))
	if errors.Is(err, connected.ErrUnknownToken) || err == nil && account.Name != nodeAgent {
		return ConnectedNode{}, ErrNotNode
	}
	if err != nil {
		return ConnectedNode{}, err
	}
	node := ConnectedNode{Cluster: cluster, TenantID: p.tenant(cluster.ID), Name: account.Node}
	for _, entry := range is.PodIdentityProfile.identities() {
		if entry.ProvisioningState == podIdentityAssigned {
			node.Identities = append(node.Identities, Principal{
				ResourceID: entry.Identity.ResourceID, ClientID: entry.Identity.ClientID, ObjectID: entry.Identity.ObjectID, TenantID: node.TenantID,
			})
		}
	}
	return node, nil
}

// plausible looks at what a token says of itself, which proves nothing, and spares the cluster those that can't be good.
func plausible(presented secret.String, audience string, now int64) bool {
	const longest = 8 << 10
	raw := presented.Reveal()
	parts := strings.Split(raw, ".")
	if len(raw) > longest || len(parts) != 3 {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Subject   string   `json:"sub"`
		Audiences []string `json:"aud"`
		Expires   int64    `json:"exp"`
	}
	return err == nil && json.Unmarshal(payload, &claims) == nil && claims.Subject == nodeAgent && slices.Contains(claims.Audiences, audience) && claims.Expires > now-60
}

// IssuerAlias gives the published issuer of the connected cluster that a token of its own says it was issued by: such a
// cluster issues in a name that only its own nodes can look up, and that others have as well. The credential that names the
// published issuer decides which cluster is believed.
func (p *Provider) IssuerAlias(ctx context.Context, published string) (issuer string, known bool) {
	rest, ours := strings.CutPrefix(published, p.IssuerBase+"/")
	parts := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	if !ours || len(parts) != 2 {
		return "", false
	}
	cluster, s, err := p.keyed(ctx, parts[1])
	if err != nil || cluster == nil || s.Connected.Issuer == "" || p.issuerURL(cluster.ID, s.Key) != published {
		return "", false
	}
	return s.Connected.Issuer, true
}

// cgroups is where nodes have the version 2 hierarchy if they have no other.
const cgroups = "/sys/fs/cgroup"

// connectedValues are the chart's for nodes that aren't this cloud's.
func (p *Provider) connectedValues(w *work, nmi map[string]any) map[string]any {
	c := w.is.ConnectedProfile
	nmi["cloudConfig"] = "" // such nodes have no azure.json
	nmi["metadata"] = map[string]any{"endpoint": p.nodeEndpoint(w), "audience": p.nodeAudience(w.state.Key), "certificates": string(p.CACertificates)}
	for value, name := range map[string]string{c.PodNetwork: "podNetwork", c.RuntimeFolder: "runtimeFolder", c.CgroupFolder: "cgroupFolder"} {
		if value != "" {
			nmi[name] = value
		}
	}
	if c.CgroupFolder != "" && c.CgroupFolder != cgroups {
		nmi["rulesPrivileged"] = false // the nodes have version 1 as well, as p.CgroupFolder says of this cloud's own
	}
	values := map[string]any{}
	if c.ImageRepository != "" {
		values["image"] = map[string]any{"repository": c.ImageRepository}
	}
	return values
}
