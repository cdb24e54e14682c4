// Package csinode is the node's half of the CSI driver disk.csi.azure.com: it gives
// pods the disks that are attached to their node.
//
// It runs on every node (cmd/cloud-provider disk-node), beside the kubelet, which
// finds it by its registration socket. An attached disk is a folder below
// /var/lib/lanyard/disks, put there by whoever runs the node; publishing binds it
// into the pod's. No loop device and no file system of its own is involved: the
// machine need not allow any.
//
// It guarantees that a volume is published only while its disk is here. It doesn't
// hold a volume to its size, and knows no raw block volumes.
package csinode
