// Command publish makes what users install from out of the chart in charts/lanyard:
//
//	go run ./charts/publish repository FOLDER [URL]   # a chart repository: index.yaml and the packed chart
//	go run ./charts/publish manifests FOLDER          # plain manifests, for those who have no Helm
//
// The repository's index leads to the chart at the URL, or beside itself. The manifests are the chart's, rendered with the
// values that their first lines name, and without what only Helm looks at.
package main
