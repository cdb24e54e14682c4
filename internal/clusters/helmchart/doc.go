// Package helmchart renders a Helm chart that the program carries, as `helm template` would.
//
// Where it stands: between a chart's files and package objects, which brings what is rendered into a cluster. It uses
// Helm's own engine, so that what a cluster add-on installs is what `helm install` of the same chart would.
//
// What it guarantees: the same files, name and values give the same objects; values are checked against the chart's
// schema; custom resource definitions come first.
//
// What it doesn't: it asks no cluster (lookup finds nothing), keeps no release and runs no hooks.
package helmchart
