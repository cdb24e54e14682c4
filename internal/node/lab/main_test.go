package lab_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The test binary starts itself again for processes that have to live in another namespace or cgroup.
const (
	roleVariable   = "LANYARD_LAB_ROLE"
	targetVariable = "LANYARD_LAB_TARGET"
	sourceVariable = "LANYARD_LAB_SOURCE"
	roleGet        = "get"
	roleNoop       = "noop"
	rolePeer       = "peer"
	roleLate       = "late"
	roleFromPort   = "fromport"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case roleGet:
		get(os.Getenv(targetVariable))
		os.Exit(0)
	case rolePeer:
		peer(os.Getenv(targetVariable))
		os.Exit(0)
	case roleLate:
		late(os.Getenv(targetVariable))
		os.Exit(0)
	case roleFromPort:
		fromPort(os.Getenv(targetVariable))
		os.Exit(0)
	case roleNoop:
		noop(os.Getenv(targetVariable))
		os.Exit(0)
	}
	flag.Parse()
	// Tests wait more than they work: for what must not happen, until it hasn't for a while.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

// get prints status and body of one metadata request.
func get(url string) {
	client := &http.Client{Timeout: patience + time.Minute, Transport: &http.Transport{}}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	request.Header.Set("Metadata", "true")
	response, err := client.Do(request)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(body), err)
}

var (
	building sync.Mutex
	built    string
)

// binary builds nmi once.
func binary(t testing.TB) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if built == "" {
		folder, err := os.MkdirTemp("", "lanyard-lab") //nolint:usetesting // all tests share it
		if err != nil {
			t.Fatal(err)
		}
		built = filepath.Join(folder, "nmi")
		build, cgo := exec.Command("go", "build", "-o", built, "github.com/lanyard-project/lanyard/cmd/nmi"), "0"
		if *racing {
			build, cgo = exec.Command("go", "build", "-race", "-o", built, "github.com/lanyard-project/lanyard/cmd/nmi"), "1"
		}
		build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building nmi: %v\n%s", err, output)
		}
	}
	return built
}
