// Package disks is the control plane's half of the CSI driver disk.csi.azure.com:
// claims of its storage classes become managed disks, and disks are attached to
// the machines of the pods that use them, and taken away again.
//
// It stands below cloudprovider and beside balancer: the same program, signed in as
// the same identity. It does what the sidecars csi-provisioner and csi-attacher do
// with a driver's controller service, in one process: it speaks to ARM itself, so
// there is no socket between. The node's half, csinode, is a CSI driver.
//
// What it guarantees. Everything is level-based and keyed by object. A disk has its
// volume's name, so that a call that was cut off finds what it made. What ARM
// refuses becomes an event of the claim, or an error of the attachment, which
// Kubernetes shows at the pod; it is tried again with growing pauses.
//
// What it doesn't. No snapshots, clones, resizing, topology, shared disks.
package disks
