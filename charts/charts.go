// Package charts carries the project's Helm charts inside of programs, for those that install them without Helm.
package charts

import "embed"

// Lanyard is the chart of mic and nmi, in the folder "lanyard".
//
//go:embed all:lanyard
var Lanyard embed.FS
