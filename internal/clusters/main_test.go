package clusters_test

import (
	"os"
	"testing"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

func TestMain(m *testing.M) {
	clusters.Init()
	if len(os.Args) > 1 && os.Args[1] == etcdserver.Command {
		os.Exit(etcdserver.Main(os.Args[2:]))
	}
	if len(os.Args) == 3 && os.Args[1] == createCommand {
		os.Exit(create(os.Args[2]))
	}
	os.Exit(m.Run())
}
