// Package edge is the cloud's front: TLS, limits, the headers that every answer
// has, and the choice of who answers by the name that was called (hosts.go: data
// planes, NAME.azurecr.io) or else by the path. tunnel.go lets clients on the
// machine call those names without a resolver that knows them.
//
//	/subscriptions /providers /tenants   the ARM pipeline
//	/metadata/endpoints                  what clients configure themselves from
//	/v1.0                                the Graph subset, where one is given
//	/healthz /readyz                     for whoever watches us
//	everything else                      the token service
//
// Each middleware is a file: recover.go (a panic is one request's failure),
// requestid.go, limit.go, ratelimit.go, and access.go (one line a request).
// certificate.go keeps the authority that our clients trust and renews the
// serving certificate under it.
//
// It guarantees bounded headers, bodies and times, and that the origin in links
// and documents is one that was configured, never what a Host header makes up.
// It decides nothing about callers: ARM calls are authenticated by the pipeline.
package edge
