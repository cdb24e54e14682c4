// Command build makes the programs that the project runs but did not write
// (Kubernetes, etcd, containerd, runc, CNI plugins: group "kube") and the tools
// that it is developed with ("tools", or one of them by name), all from their
// Go modules. "kube-previous" is the release of Kubernetes before, to upgrade from.
//
//	go run ./cmd/build kube
//	go run ./cmd/build kube-previous
//	go run ./cmd/build helm golangci-lint
//
// It stands before everything else: the demo, the tests and the node images
// take their programs from build/. It guarantees that
//
//   - a program is built again exactly when something that decides its content
//     changed: the recipe, its module's go.mod, go.sum or sources, the Go
//     release, the C library it links. A call with nothing to do costs
//     milliseconds, so others call it unconditionally;
//   - the same inputs give the same bytes: versions and dates come from the
//     modules, paths and build IDs stay out of the programs;
//   - a program in build/ is whole: it is moved there when it is complete.
//
// It does not check what the module proxy delivers beyond the go.sum files and
// does not remove programs that a recipe no longer names (make clean does).
package main
