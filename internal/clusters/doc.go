// Package clusters starts, adopts and stops what is behind a managed cluster:
// real Kubernetes processes in namespaces of this machine.
//
// The AKS provider stands above it and says what there shall be: virtual
// networks (VNet), control planes (ControlPlane) and nodes (Node). Below it are
// vnet (networks), machine (isolated process trees), controlplane and node
// (what runs in them), pki (certificates) and cgroup.
//
// What it guarantees. Every call is level-based: Ensure brings about what its
// argument says and Delete that nothing of it is left, whatever was there
// before; a caller that dies at any point calls again and gets no orphan and
// no duplicate. Clusters outlive this process; a new Engine over the same
// folders finds them. The machine's own routes, rules, interfaces and kernel
// settings are never changed, and no file is written outside DataDir and
// RunDir. Teardown leaves nothing: no process, namespace, mount, cgroup or file.
//
// What it doesn't. It keeps no secrets from root. It changes no running node
// or control plane but for labels, images, azure.json and trusted
// certificates: other settings hold from the next start.
package clusters
