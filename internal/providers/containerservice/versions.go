package containerservice

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// versions are the Kubernetes versions that there are programs for, oldest first.
func (p *Provider) versions() []string {
	all := append([]string{p.KubernetesVersion}, p.OtherVersions...)
	slices.SortFunc(all, compareVersions)
	return slices.Compact(all)
}

func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

func newer(a, b string) bool { return compareVersions(a, b) > 0 }

// minorOf is "1.34" for "1.34.2".
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

func minorNumber(version string) int {
	_, minor, _ := strings.Cut(minorOf(version), ".")
	n, _ := strconv.Atoi(minor)
	return n
}

// newerThan are the versions that a control plane of this one can be upgraded to: no minor version is left out.
func (p *Provider) newerThan(version string) []string {
	var up []string
	for _, candidate := range p.versions() {
		if newer(candidate, version) && minorNumber(candidate) <= minorNumber(version)+1 {
			up = append(up, candidate)
		}
	}
	return up
}

func (p *Provider) upgradesOf(version string) []object {
	var up []object
	for _, candidate := range p.newerThan(version) {
		up = append(up, object{"kubernetesVersion": candidate, "isPreview": false})
	}
	return up
}

// resolve turns what a client wants into a version that there is: exactly it, or the newest patch of a minor version,
// where a cluster or pool that has a patch of it already stays as it is. "" asks for the default, or for no change.
func (p *Provider) resolve(wanted, current string) (string, bool) {
	switch {
	case wanted == "" && current != "":
		return current, true
	case wanted == "":
		return p.KubernetesVersion, true
	case wanted == current, strings.Count(wanted, ".") == 1 && minorOf(current) == wanted:
		return current, true
	}
	all := p.versions()
	slices.Reverse(all)
	for _, version := range all {
		if wanted == version || strings.Count(wanted, ".") == 1 && minorOf(version) == wanted {
			return version, true
		}
	}
	return "", false
}

// upgradable refuses a change of version that AKS doesn't make: back, or past a minor version.
func (p *Provider) upgradable(from, to string) *rest.Error {
	if from == "" || from == to || slices.Contains(p.newerThan(from), to) {
		return nil
	}
	return &rest.Error{Status: http.StatusBadRequest, Code: "OperationNotAllowed", Target: "kubernetesVersion", Message: fmt.Sprintf(
		"Upgrading Kubernetes version %s to %s is not allowed. Available upgrades: [%s]. Please see https://aka.ms/aks-supported-k8s-ver for version details.",
		from, to, strings.Join(p.newerThan(from), ", "))}
}

// poolBehind refuses a pool that is newer than its control plane.
func poolBehind(pool, controlPlane string) *rest.Error {
	if !newer(pool, controlPlane) {
		return nil
	}
	return refused("NodePoolMcVersionIncompatible", fmt.Sprintf(
		"Node pool version %s and control plane version %s are incompatible. Node pool version can't be newer than control plane version. For more information, please check https://aka.ms/aks/UpgradeVersionRules",
		pool, controlPlane), "agentPoolProfile.orchestratorVersion")
}
