// Package migrate says what it would take to move the pods of a cluster from pod identity to workload identity: pure, from
// what the cluster has to a report.
//
// There are two roads. By an AzureIdentity of type 3 nothing of the pods changes: mic exchanges their own service accounts'
// tokens. By workload identity itself (azure-workload-identity) pods lose their label, get another, and have to use an SDK that
// knows it. Both need the same federated credentials, which the report names with the commands that make them.
//
// It doesn't see what is inside of containers: whether an SDK is new enough, or asks instance metadata by itself, isn't in the
// report.
package migrate
