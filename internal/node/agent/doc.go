// Package agent puts the node agent together, in the order a packet travels: redirect, proof, pods, grant, cache, source,
// serving. Start here to see how the parts meet.
//
// It guarantees that the redirect is in place before anything listens or is ready, and that nothing takes it away when the
// agent stops.
package agent
