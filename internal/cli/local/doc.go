// Package local runs the cloud on this machine: it checks what the machine
// lacks, packs the images that the nodes serve, starts lanyardd, waits until it
// answers, writes the environment that clients read, and takes everything down
// again. `make demo` uses it and so will `lanyard up`.
//
// It guarantees that Down leaves nothing outside its folder: no process, no
// namespace, mount, nft table, cgroup or sysctl (Footprint is how that is
// checked). It does not build the programs; make does.
package local
