package main

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/activity"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/dataplane"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/registry"
)

// recordCall writes what was decided about an ARM call.
func recordCall(log *record.Log, done *activity.Log) func(pipeline.Entry) {
	return func(e pipeline.Entry) {
		if event, ok := e.Activity(); ok {
			done.Add(event)
		}
		log.Decision(record.Decision{
			CorrelationID: e.CorrelationID, RequestID: e.RequestID, TenantID: e.Caller.TenantID, Caller: e.Caller.ObjectID, AppID: e.Caller.AppID,
			Method: e.Method, Path: e.Path, Action: e.Action, Scope: e.Scope, Allowed: e.Allowed, Assignment: e.Reason, Status: e.Status, Code: e.Code,
			Called: e.Called, APIVersion: e.APIVersion, UserAgent: e.UserAgent,
		})
	}
}

// recordRequest writes the requests that the pipeline doesn't see. Asking whether
// lanyardd is well says nothing about anybody.
func recordRequest(log *record.Log) func(edge.Access) {
	return func(a edge.Access) {
		host := ofDataPlane(a.Host)
		first, _, _ := strings.Cut(strings.TrimLeft(a.Path, "/"), "/") // slashes in a row are one
		switch strings.ToLower(first) {
		case "subscriptions", "providers", "tenants", "debug", "healthz", "readyz":
			if host == "" {
				return
			}
		}
		client := a.Library
		if client == "" {
			client = a.UserAgent
		}
		log.Request(record.Request{
			CorrelationID: a.CorrelationID, RequestID: a.RequestID, Method: a.Method, Host: host, Path: a.Path, Status: a.Status, UserAgent: client, Remote: a.Remote,
		})
	}
}

// ofDataPlane is the host that was called if it is an account's, a namespace's or
// a registry's, else "".
func ofDataPlane(host string) string {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	for _, suffix := range []string{".blob.core.windows.net", ".servicebus.windows.net", ".azurecr.io"} {
		if strings.HasSuffix(host, suffix) {
			return host
		}
	}
	return ""
}

// recordData writes what was decided about data of an account or a namespace.
func recordData(log *record.Log) func(dataplane.Decision) {
	return func(d dataplane.Decision) {
		log.Decision(record.Decision{
			TenantID: d.Caller.TenantID, Caller: d.Caller.ObjectID, AppID: d.Caller.AppID, Action: d.Action, Scope: d.Scope.String(), Allowed: d.Allowed, Assignment: d.Assignment,
		})
	}
}

// recordMetadata writes what a machine was given or refused by its metadata
// service. Tokens that were minted for it are in the token service's record.
func recordMetadata(log *record.Log) func(context.Context, imdsserver.Decision) {
	return func(_ context.Context, d imdsserver.Decision) {
		if d.Outcome != imdsserver.OutcomeIssued || d.Cached {
			log.Token(d.Entry())
		}
	}
}

// recordOperation tells the activity log how a long-running operation ended.
func recordOperation(done *activity.Log, registry *providers.Registry) func(ops.Event) {
	return func(e ops.Event) {
		if event, ok := e.Activity(registry); ok {
			done.Add(event)
		}
	}
}

// recordRegistry writes what was decided about a registry's images.
func recordRegistry(log *record.Log) func(registry.Event) {
	return func(e registry.Event) {
		log.Decision(record.Decision{
			TenantID: e.Caller.TenantID, Caller: e.Caller.ObjectID, AppID: e.Caller.AppID,
			Action: e.Action, Scope: e.Registry.ID.String(), Allowed: e.Allowed,
		})
	}
}
