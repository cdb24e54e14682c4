package serve

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// Doorkeeper gives the entrance of a server whose pods are known by their cgroups.
func Doorkeeper(most Crowd, pod func(pods.Binding) (pods.Sandbox, bool)) (enter func(pods.Binding) (leave func(), ok bool)) {
	keeper := &doorkeeper{most: most, pod: pod, in: map[guest]int{}, refused: func() {}}
	return keeper.enter
}

// WithOrigin makes a context like that of an accepted connection.
func WithOrigin(ctx context.Context, origin pods.Binding) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{origin: origin})
}
