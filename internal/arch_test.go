package internal_test

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/lanyard-project/lanyard/"

// layers lists the packages from top to bottom: a package may import only what
// stands below it, or beside it within the same entry's folder. An entry ending
// in /... holds a folder.
var layers = []string{
	"test/...",
	"cmd/...",
	"charts/publish",
	"internal/cli/...",
	"internal/edge",
	"internal/azextension",
	"internal/chartrepo",
	"internal/blobs",
	"internal/messages",
	"internal/dataplane",
	"internal/arm/pipeline",
	"internal/arm/route",
	"internal/arm/ops",
	"internal/arm/documents",
	"internal/imdsserver",
	"internal/traffic",
	"internal/nameserver",
	"internal/diskplane",
	"internal/entra",
	"internal/graph",
	"internal/movable",
	"internal/entra/federation",
	"internal/providers/containerservice",
	"internal/kubeguard",
	"internal/providers/resources",
	"internal/providers/compute",
	"internal/providers/insights",
	"internal/registry",
	"internal/providers/containerregistry",
	"internal/providers/keyvault",
	"internal/providers/operationalinsights",
	"internal/providers/servicebus",
	"internal/providers/storage",
	"internal/providers/dns",
	"internal/providers/network",
	"internal/providers/shape",
	"internal/providers/managedidentity",
	"internal/providers/authorization",
	"internal/providers/deployments/...",
	"internal/providers/features",
	"internal/providers/locks",
	"internal/providers/registration",
	"internal/providers",
	"internal/directory",
	"internal/rbac",
	"internal/rbac/condition",
	"internal/tokens",
	"internal/keys",
	"internal/clusters/...",
	"internal/activity",
	"internal/store/...",
	"internal/cloudprovider/...",
	"internal/arm/resource",
	"internal/arm/rest",
	"internal/arm/odata",
	"internal/arm/armid",
	"internal/node/...",
	"internal/cluster/...",
	"internal/obs/...",
	"internal/imds",
	"internal/imagepull",
	"internal/brokerapi",
	"internal/loopback/...",
	"internal/door",
	"internal/loopback/loopbacktest",
	"internal/seal",
	"internal/secret",
	"api/v1",
	"charts",
}

func layerOf(pkg string) int {
	best, length := -1, -1
	for i, layer := range layers {
		folder, whole := strings.CutSuffix(layer, "/...")
		if (pkg == folder || whole && strings.HasPrefix(pkg, folder+"/")) && len(folder) > length {
			best, length = i, len(folder)
		}
	}
	return best
}

// TestPackagesImportOnlyWhatStandsBelow holds the direction of the design: a
// request enters above and only calls downward.
func TestPackagesImportOnlyWhatStandsBelow(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	seen := 0
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		pkg, imports, _ := strings.Cut(line, ":")
		pkg = strings.TrimPrefix(pkg, module)
		if pkg == "internal" || pkg == "docs" { // tests only
			continue
		}
		from := layerOf(pkg)
		if from < 0 {
			t.Errorf("%s has no place in the layers of this test: add it where it belongs", pkg)
			continue
		}
		for _, imported := range strings.Fields(imports) {
			imported, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			seen++
			if to := layerOf(imported); to < from {
				t.Errorf("%s imports %s, which stands above it", pkg, imported)
			}
		}
	}
	if seen == 0 {
		t.Error("no import of ours was looked at")
	}
}
