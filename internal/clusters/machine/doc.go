// Package machine runs a group of programs as a machine of their own: an
// isolated process tree with its own PID, mount, cgroup, host name and (given)
// network namespace, a root file system made of what it may see, and an init
// that starts the programs in order, restarts them and reaps what they leave.
//
// It stands below node and controlplane, which say what a machine is made of
// (Spec), and above cgroup.
//
// What it guarantees. A machine outlives the process that started it: its init
// is this very program re-executed (Main), detached from everything. There is
// at most one machine for an ID, by a file lock that its init holds; Ensure
// after a crash at any point finds it or starts it. When its init ends,
// however that happens, the kernel ends every process of the machine, so no
// container or shim outlives it; mounts end with it as well. The machine sees
// of the file system only what the Spec lists plus /usr, read-only, and it
// cannot change kernel settings that are not its own network's.
//
// What it doesn't. A machine is no sandbox against root inside it: its
// privileged programs share the kernel and the devices. A running machine
// keeps the Spec it was started with.
package machine
