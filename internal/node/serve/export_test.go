package serve

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// WithOrigin makes a context like that of an accepted connection.
func WithOrigin(ctx context.Context, origin pods.Binding) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{origin: origin})
}
