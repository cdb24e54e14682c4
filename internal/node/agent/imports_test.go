package agent_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The agent runs on every node as root: what it is made of stays small. It speaks HTTP itself instead of bringing an SDK,
// an informer library or a command line framework.
func TestImportsStaySmall(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", "github.com/lanyard-project/lanyard/cmd/nmi").CombinedOutput()
	if err != nil {
		t.Fatalf("listing what nmi imports: %v\n%s", err, output)
	}
	forbidden := []string{
		"k8s.io/client-go", "k8s.io/api/", "k8s.io/apimachinery", "sigs.k8s.io/", "github.com/Azure/", "github.com/AzureAD/",
		"github.com/spf13/cobra", "github.com/containerd/", "net/http/pprof",
		"github.com/lanyard-project/lanyard/api", "github.com/lanyard-project/lanyard/internal/cluster",
	}
	for imported := range strings.FieldsSeq(string(output)) {
		for _, prefix := range forbidden {
			if strings.HasPrefix(imported, prefix) {
				t.Errorf("nmi imports %s", imported)
			}
		}
	}
}
