// Package etcdserver brings etcd along: one member, run by the project's own
// binary, re-executed with Command as its first argument, in a session of its
// own. It outlives the process that started it, so neither a crash nor an
// upgrade of the cloud takes the clusters' store away; the next Start adopts it.
//
//	Start → lock held by a living etcd? adopt it : start one → sign in, set up auth
//
// It guarantees: fsync before an answer; only clients with a certificate of its
// own CA over a unix socket, which only this machine's user can open; one etcd
// user per certificate name, which reaches nothing outside its key prefix; a
// watchful parent that starts etcd again when it dies.
//
// It doesn't hide the CA's key from who owns the data folder (0600 files: etcd
// and kube-apiserver read theirs from the file system), and it doesn't make a
// cluster of several members: for that an external etcd is named to the cloud.
package etcdserver
