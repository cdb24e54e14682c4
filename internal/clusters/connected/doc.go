// Package connected speaks to Kubernetes clusters that this cloud doesn't run: kind, k3s, another cloud's. All that is
// known of one is a kubeconfig.
//
// Where it stands: beside the engine of the cloud's own clusters, below the AKS provider, which brings objects into a
// connected cluster, asks it who a token speaks for, and hands its kubeconfig out.
//
// What it guarantees: a kubeconfig can make this process do nothing but speak TLS to one server, whose authority the
// kubeconfig names, with the credential that is written in it. No program is run for it, no file is read, no proxy and no
// redirect is followed. Calls are bounded in time and in what is read.
//
// What it doesn't: keep the cluster as it is. Others run it, and may take away what was brought into it.
package connected
