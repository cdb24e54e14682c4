// Package chartrepo is a repository of Helm charts that the program carries: the packed charts and an index.yaml that
// leads to them. lanyardd serves it at /charts; `make chart` writes it as files.
//
// The charts are packed when they are asked for the first time, always to the same bytes. A chart may be found under
// names of a predecessor's as well, so that commands written for that one find ours.
//
// It isn't a registry: there is one version of a chart, nothing can be pushed, and nothing is signed.
package chartrepo
