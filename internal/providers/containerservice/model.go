package containerservice

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// model is what the instances of a pool are made as. A running node doesn't change: an instance that was made as another
// model than its pool's is replaced when the pool is rolled.
type model struct {
	// Image is the node image, Version the Kubernetes version on it.
	Image   string `json:"image"`
	Version string `json:"version"`
	// Kubelet is the identity that the node works as, by its resource ID; "" with a service principal.
	Kubelet string `json:"kubelet,omitempty"`
}

// next is the pool's model for what its profile says now. An image or a version that changes takes the cluster's kubelet
// identity along. Otherwise nodes keep theirs, but for nodes that have an identity already when the cluster gets another
// one: those of a cluster that had a service principal go on with it until their pool is upgraded.
func (m model) next(pool pool, kubelet string) model {
	want := model{Image: pool.NodeImageVersion, Version: pool.CurrentVersion, Kubelet: m.Kubelet}
	if m.Image != want.Image || m.Version != want.Version || m.Kubelet != "" {
		want.Kubelet = kubelet
	}
	return want
}

// nodeImage names what a node consists of: our programs, of this Kubernetes version, in the n-th edition. There is always
// a next edition, unless Rules.WithholdNodeImages keeps it back.
func nodeImage(kubernetesVersion string, edition int) string {
	return "LanyardLinux-containerd-" + kubernetesVersion + "-" + strconv.Itoa(edition)
}

// firstImage is the edition that new pools start with.
func firstImage(kubernetesVersion string) string { return nodeImage(kubernetesVersion, 1) }

// nextImage is the edition after one of the same version.
func nextImage(image, kubernetesVersion string) string {
	edition, ok := strings.CutPrefix(image, nodeImage(kubernetesVersion, 0)[:len(nodeImage(kubernetesVersion, 0))-1])
	n, err := strconv.Atoi(edition)
	if !ok || err != nil {
		return firstImage(kubernetesVersion)
	}
	return nodeImage(kubernetesVersion, n+1)
}

// latestImage is the newest edition that a pool can have.
func (p *Provider) latestImage(image, kubernetesVersion string) string {
	if p.Rules.WithholdNodeImages && image != "" {
		return image
	}
	return nextImage(image, kubernetesVersion)
}

// kubelets are the identities that the pool's scale set has to hold: its model's, and those that instances were made with.
func (s poolState) kubelets() []string {
	var ids []string
	for _, m := range append([]model{s.Model}, s.models()...) {
		if m.Kubelet != "" && !slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, m.Kubelet) }) {
			ids = append(ids, m.Kubelet)
		}
	}
	return ids
}

func (s poolState) models() []model {
	var models []model
	for _, number := range s.present() {
		models = append(models, s.Built[number])
	}
	return models
}

// outdated are the instances that were made as another model than the pool's.
func (s poolState) outdated() []int {
	var numbers []int
	for _, number := range s.Instances {
		if s.Built[number] != s.Model {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// identities looks up the kubelet identities of all pools, by lower-case resource ID. One that was deleted meanwhile is
// left out: its nodes can't get tokens any more, whatever we do. So is one that the user made again under the same name,
// until a request takes it up: the control plane may not be allowed to assign it.
func (p *Provider) identities(ctx context.Context, w *work) (map[string]identity, error) {
	found := map[string]identity{}
	brought, isBrought := p.broughtKubelet(w.cluster.ID, w.is)
	for _, name := range w.state.poolNames() {
		for _, id := range w.state.Pools[name].kubelets() {
			key := strings.ToLower(id)
			if _, ok := found[key]; ok {
				continue
			}
			i, err := p.userAssigned(ctx, id)
			if rest.HasCode(err, identityNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if isBrought && strings.EqualFold(id, brought.ResourceID) && !strings.EqualFold(i.ObjectID, brought.ObjectID) {
				continue
			}
			found[key] = i
		}
	}
	return found, nil
}
