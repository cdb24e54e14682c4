// Package story is the main job, told: from an empty machine to a pod that uses
// its identity and is refused what it may not have. Each step prints the az or
// kubectl command that a user would type, does it through the public APIs (the
// official Azure SDK for Go, kubectl, helm) and says what happened.
//
// The steps follow the seeds: docs/seeds.md tells which sentence each of them
// proves. A step that fails ends the story; its error is the verdict.
package story
