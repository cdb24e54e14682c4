// Package kube reads the API server with net/http alone: list, then watch from there. It exists because the agent needs
// two or three small collections, of its own node but for bindings, and nothing of what an informer library brings.
//
// It guarantees that a sink sees every object of the collection as of some moment and every change after it, in order,
// for as long as the API server can be reached, and that a connection that died without a word is noticed: HTTP/2 pings,
// a limit on silence between bookmarks, and a limit on each watch's length. While the API server is away, sinks keep
// what they have.
//
// It doesn't write anything, nor keep a cache.
package kube
