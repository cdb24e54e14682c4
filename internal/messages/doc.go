// Package messages is the data plane of Service Bus namespaces: queues that are
// sent to and received from over the service's REST API at
// NAMESPACE.servicebus.windows.net, by callers that sign in with Microsoft Entra ID.
//
// It stands above the resource provider of Service Bus, whose documents say which
// queues there are and how they behave (lock duration, delivery count, time to
// live). Messages are in etcd, one key each, in the order of their sequence
// numbers: a lock, a completion, a dead letter is a transaction that compares the
// message's revision, so that two receivers never both get a message under lock,
// and a message that was accepted is there after a crash.
//
// What it guarantees: each request is decided by role assignments at the queue (and
// so at the namespace, the group, the subscription), with nothing remembered
// between two: what was revoked is refused by the very next one. Messages are
// delivered at least once under a lock, at most once without, oldest first.
//
// What it doesn't: AMQP (docs/adr says why), topics and their subscriptions,
// sessions, shared access signatures, duplicate detection, transactions. A request
// for one of those is refused with an error that says so.
package messages
