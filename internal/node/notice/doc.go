// Package notice tells the owner of a pod, by an Event on the pod, why it gets no token, when there is something that the owner
// can do about it. It stands beside the handlers: telling never makes a request wait, and what can't be told is in the audit log
// anyway.
//
// It guarantees that a pod that asks again and again makes one Event in a while, that all pods together make a bounded number,
// and that no Event holds anything of a request but what the pod's own labels and bindings say.
package notice
