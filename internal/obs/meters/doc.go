// Package meters counts what the cloud does, for Prometheus. It stands beside the
// record (internal/obs/record), which says who and what; a meter says how often and
// how long, and names nobody: its labels are a handful of fixed words, so that no
// client makes series without end, and who reads it learns nothing about a tenant.
//
// lanyardd serves it on an address of its own (--metrics-listen), without TLS or
// sign-in, as mic and nmi do.
package meters
