// Package chart has no code: its tests hold the Helm chart in charts/lanyard to
// what the programs and the generated manifests say. The rendered documents in
// testdata are what the chart installs, for a reader and for the tests of mic,
// which run with exactly the permissions written there.
package chart
