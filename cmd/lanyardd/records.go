package main

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/obs/record"
)

// recordCall writes what was decided about an ARM call.
func recordCall(log *record.Log) func(pipeline.Entry) {
	return func(e pipeline.Entry) {
		log.Decision(record.Decision{
			CorrelationID: e.CorrelationID, RequestID: e.RequestID, TenantID: e.Caller.TenantID, Caller: e.Caller.ObjectID, AppID: e.Caller.AppID,
			Method: e.Method, Path: e.Path, Action: e.Action, Scope: e.Scope, Allowed: e.Allowed, Assignment: e.Reason, Status: e.Status, Code: e.Code,
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
