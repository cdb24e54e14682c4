package broker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

// scope is what an agent may be told: of its node, and in managed mode of the namespaces whose pods run there.
type scope struct {
	node string
	// namespaces are those of the node's pods, for collections that go by them, and version where they were read.
	namespaces map[string]bool
	version    string
	// mark tells one set of namespaces from another; none is of collections that don't go by them. An agent gets it with each version
	// that it may go on from: what it has been told of is in what it asks with, and no replica has to remember it.
	mark string
}

// onNode selects the pods of a node.
func onNode(node string) client.ListOption {
	return client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("spec.nodeName", node)}
}

func podNames() *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	return list
}

// scope reads what a collection goes by.
func (o *objects) scope(ctx context.Context, c collection, node string) (scope, error) {
	s := scope{node: node}
	if !c.byNamespace {
		return s, nil
	}
	pods := podNames()
	if err := o.kube.List(ctx, pods, onNode(node)); err != nil {
		return s, passOn(err)
	}
	s.namespaces, s.version = map[string]bool{}, pods.ResourceVersion
	for _, pod := range pods.Items {
		s.namespaces[pod.Namespace] = true
	}
	all := sha256.Sum256([]byte(strings.Join(slices.Sorted(maps.Keys(s.namespaces)), "/")))
	const enough = 8
	s.mark = "." + hex.EncodeToString(all[:enough])
	return s, nil
}

// give marks a version for the agent, or where a list goes on; none stays none.
func (s scope) give(version string) string {
	if version == "" {
		return ""
	}
	return version + s.mark
}

// take gives the API server's own of what an agent was given. An agent whose node has pods of other namespaces than it was told of
// has to read anew: what came before in a new namespace would never be told.
func (s scope) take(version string) (string, error) {
	own, ok := strings.CutSuffix(version, s.mark)
	if version != "" && !ok {
		return "", errScope()
	}
	return own, nil
}

func errScope() *refusal {
	return refuse(http.StatusGone, brokerapi.CodeUnavailable, "the node has pods of other namespaces now")
}

// grows watches the node's pods, and ends when one is of a namespace that isn't in the scope, or when nothing is heard any more.
func (o *objects) grows(ctx context.Context, s scope, seconds int64) (grown <-chan error, stop func(), err error) {
	if s.namespaces == nil {
		return nil, func() {}, nil
	}
	watcher, err := o.kube.Watch(ctx, podNames(), onNode(s.node), &client.ListOptions{Raw: &metav1.ListOptions{
		ResourceVersion: s.version, AllowWatchBookmarks: true, TimeoutSeconds: &seconds,
	}})
	if err != nil {
		return nil, nil, passOn(err)
	}
	result := make(chan error, 1)
	go func() {
		for e := range watcher.ResultChan() {
			pod, ok := e.Object.(*metav1.PartialObjectMetadata)
			if ok && pod.Namespace != "" && !s.namespaces[pod.Namespace] {
				result <- errScope()
				return
			}
		}
		result <- fmt.Errorf("watching the pods of node %s ended", s.node)
	}()
	return result, watcher.Stop, nil
}
