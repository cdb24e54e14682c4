// Package cloudprovider is a cluster's cloud controller manager: Kubernetes' own
// controllers of k8s.io/cloud-provider over ARM, signed in as the cluster's
// control-plane identity and as nothing else.
//
// It is a program of the cluster (cmd/cloud-provider), no part of lanyardd: it
// speaks to ARM by the official clients, and would do so to Azure. machines
// answers for nodes, balancer makes load balancers, settings says who it is.
//
// What it guarantees. New nodes get their provider ID, zone, size and addresses,
// and lose the taint that keeps pods away until then; nodes whose machine is gone
// disappear; Services of type LoadBalancer get what they ask for, or an event with
// ARM's own refusal. When its configuration or its identity changes, it ends, and
// is started again with the new one.
//
// What it doesn't. One of a cluster runs at a time, without election: its
// supervisor sees to that. It makes no routes: the fabric routes to every node.
package cloudprovider
