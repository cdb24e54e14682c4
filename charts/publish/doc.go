// Command publish makes what users install from out of the chart in charts/lanyard:
//
//	go run ./charts/publish repository FOLDER [URL]   # a chart repository: index.yaml and the packed chart
//	go run ./charts/publish manifests FOLDER          # plain manifests, for those who have no Helm
//	go run ./charts/publish images FOLDER PROGRAMS REPOSITORY   # what they run: images of mic and nmi for amd64 and arm64
//
// The repository's index leads to the chart at the URL, or beside itself. The manifests are the chart's, rendered with the
// values that their first lines name, and without what only Helm looks at. The images are OCI image layouts, a folder each, of the
// programs that make cross-cluster/linux-amd64 and cross-cluster/linux-arm64 have built.
package main
