// Package rig brings up a cloud for an end-to-end test: a lanyardd from build/bin in a temporary folder on a free
// loopback port, and the clients that users have, signed in to it: Azure SDKs, az, kubectl.
//
// Start with Start. It guarantees that each test has a cloud of its own, that everything ends with the test, also one
// that failed, and that a test fails which leaves a process, namespace, mount, link, route, nft table, cgroup or changed
// sysctl behind, as the demo does.
//
// It doesn't guarantee that a machine carries several tests at a time: the tests of a package run one after the other.
package rig
