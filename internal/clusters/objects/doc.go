// Package objects brings named sets of Kubernetes objects into a cluster and keeps them as a whole: an add-on, for
// example, and what belongs to it.
//
// Where it stands: above client-go, below the cluster engine; whoever has a way to the API server can use it, be the
// cluster one that the engine runs or one that was attached.
//
// What it guarantees: Apply is level-based. What the set has is there afterwards as the set has it (server-side apply,
// by a field manager of its own); what an earlier call with the same name brought and this one no longer has is gone.
// What there is to be is written down in the cluster before it is made, so that a call that was cut off anywhere leaves
// nothing that a later one doesn't find.
//
// What it doesn't: namespaces and custom resource definitions are made but never taken away, since that would take
// along what others put in them.
package objects
