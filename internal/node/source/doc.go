// Package source gets tokens and documents from where they come from: the node's own metadata service, which only the
// agent and the node's daemons reach. It is the last stop of a request inside the agent.
//
// It guarantees that nothing of the caller's request travels on but what it is called with: paths and queries are built
// here. It follows no redirect and no proxy setting, bounds what it reads, keeps within the service's limit of concurrent
// requests, and repeats what the service's documentation says to repeat. Its errors hold no token.
package source
