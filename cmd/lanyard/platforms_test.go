package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestClientNeedsNoLinux holds what `make cross` builds: for other systems the program
// contains nothing that only Linux has. Type errors are `make cross`'s to find; that this
// test looks at imports alone keeps it at a second.
func TestClientNeedsNoLinux(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"darwin", "windows"} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0", "GOFLAGS=")
		out, err := list.Output()
		if err != nil {
			t.Fatalf("listing what lanyard for %s is made of: %v", system, err)
		}
		packages := strings.Fields(string(out))
		for _, bad := range []string{
			"github.com/google/nftables", "github.com/vishvananda/netlink", "github.com/google/renameio/v2",
			"github.com/lanyard-project/lanyard/internal/cli/local", "github.com/lanyard-project/lanyard/internal/cli/story",
		} {
			if slices.Contains(packages, bad) && (bad != "github.com/google/renameio/v2" || system == "windows") {
				t.Errorf("lanyard for %s contains %s", system, bad)
			}
		}
	}
}
