package main

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/deployments"
)

// sendAs lets template deployments make their calls through the pipeline.
func sendAs(arm *pipeline.Pipeline, origin string) func(context.Context, providers.Caller, deployments.Call) rest.Response {
	return func(ctx context.Context, caller providers.Caller, call deployments.Call) rest.Response {
		return arm.HandleAs(ctx, caller, pipeline.Call{
			Method: call.Method, Path: call.Path, Query: url.Values{"api-version": {call.Version}},
			Header: http.Header{"Content-Type": {"application/json"}}, Body: bytes.NewReader(call.Body), Origin: origin, RequestID: uuid.NewString(),
		})
	}
}
