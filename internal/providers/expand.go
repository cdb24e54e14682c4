package providers

import (
	"context"
	"strings"
)

type expandKey struct{}

// WithExpand tells Render what the call's $expand asks for.
func WithExpand(ctx context.Context, expand string) context.Context {
	if expand == "" {
		return ctx
	}
	return context.WithValue(ctx, expandKey{}, expand)
}

// Expands reports whether the call asks for a member with $expand.
func Expands(ctx context.Context, member string) bool {
	expand, _ := ctx.Value(expandKey{}).(string)
	for name := range strings.SplitSeq(expand, ",") {
		if strings.EqualFold(strings.TrimSpace(name), member) {
			return true
		}
	}
	return false
}
