// Package e2e holds the end-to-end tests: what users do with az, the SDKs and kubectl, on real clusters. They are behind
// the build tag e2e, since they take minutes: make e2e runs them. Each test brings up a cloud of its own with package rig.
package e2e
