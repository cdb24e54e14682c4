// Package images packs programs of ours into container images, without a
// registry, a daemon or a base image.
//
// It stands beside pki and machine, below the packages that start nodes: they
// import its archives into the nodes' container runtimes under the names that
// pods ask for, among them names of well-known registries, so that published
// manifests run as printed.
//
// What it guarantees. The same description and the same files give the same
// bytes, whenever and wherever they are packed: times are fixed, layers are not
// compressed (compressors change between releases) and order is the
// description's. An archive whose content wouldn't change isn't touched, so its
// modification time tells when it last did. A program that couldn't start in an
// image that holds nothing else is refused.
//
// What it doesn't. It holds layers in memory, fit for programs and not for
// systems.
package images
