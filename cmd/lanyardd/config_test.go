package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfigRefusesWhatCannotBeMeant(t *testing.T) {
	good := config{dataDir: "d", runDir: "r", kubeDir: "k", listen: "127.0.0.1:8443", origin: "https://localhost:8443/"}
	for _, c := range []struct {
		name   string
		change func(*config)
		want   string // part of the error; "" means accepted
	}{
		{"the defaults", func(*config) {}, ""},
		{"another loopback address", func(c *config) { c.listen = "[::1]:443" }, ""},
		{"an address that other machines reach", func(c *config) { c.listen = "0.0.0.0:8443" }, "--allow-remote"},
		{"the same, meant", func(c *config) { c.listen, c.allowRemote = "0.0.0.0:8443", true }, ""},
		{"no port", func(c *config) { c.listen = "127.0.0.1" }, "--listen"},
		{"an etcd of others", func(c *config) {
			c.clusters, c.etcd = clustersNone, external{endpoints: []string{"https://etcd:2379"}, caFile: "a", certFile: "b", keyFile: "c"}
		}, ""},
		{"one that clusters of this machine can't reach", func(c *config) { c.etcd.endpoints = []string{"http://127.0.0.1:2379"} }, "--clusters=none"},
		{"one without proof of who we are", func(c *config) { c.clusters, c.etcd.endpoints = clustersNone, []string{"https://etcd:2379"} }, "--etcd-certfile"},
		{"one that everybody can listen to", func(c *config) { c.clusters, c.etcd.endpoints = clustersNone, []string{"http://etcd:2379"} }, "isn't encrypted"},
		{"one by its name alone", func(c *config) { c.clusters, c.etcd.endpoints = clustersNone, []string{"etcd"} }, "isn't a URL"},
		{"a certificate for no etcd", func(c *config) { c.etcd.certFile = "b" }, "--etcd-endpoints names"},
		{"an origin without TLS", func(c *config) { c.origin = "http://localhost:8443" }, "--origin"},
		{"an origin with a path", func(c *config) { c.origin = "https://localhost:8443/x" }, "--origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			settings := good
			c.change(&settings)
			err := settings.check()
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("error %v doesn't name %s", err, c.want)
			case c.want == "" && strings.HasSuffix(settings.origin, "/"):
				t.Errorf("origin %q would double slashes in links", settings.origin)
			}
		})
	}
}

func TestOneLanyarddPerDataFolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDataDir(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDataDir(t.Context(), dir, 0); err == nil || !strings.Contains(err.Error(), "another lanyardd") {
		t.Errorf("a second lanyardd got %v", err)
	}
	next := make(chan error)
	go func() {
		again, err := lockDataDir(t.Context(), dir, time.Hour)
		if err == nil {
			again()
		}
		next <- err
	}()
	unlock()
	if err := <-next; err != nil {
		t.Errorf("one that waits for the end of the first got %v", err)
	}
}

// A second data folder with the default run folder adopted the first one's etcd
// and waited a minute for it; its teardown ended that etcd.
func TestRunFolderBelongsToOneDataFolder(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	for range 2 {
		if err := claimRunDir(run, "/data/one"); err != nil {
			t.Fatal(err)
		}
	}
	if err := claimRunDir(run, "/data/two"); err == nil || !strings.Contains(err.Error(), "belongs to data folder /data/one") {
		t.Errorf("another data folder got %v", err)
	}
	two := t.TempDir()
	if err := teardown(t.Context(), config{dataDir: two, runDir: run}); err == nil || !strings.Contains(err.Error(), "--run-dir") {
		t.Errorf("tearing down another data folder got %v", err)
	}
	if _, err := os.Stat(run); err != nil {
		t.Errorf("the run folder went with a teardown of another data folder: %v", err)
	}
}

// A first start that fails for an operator's mistake used to leave an etcd behind,
// and had shown the administrator's secret that nobody will look for.
func TestMistakesAreFoundBeforeAnythingIsStarted(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ name, listen, want string }{
		{"the port is in use", taken.Addr().String(), "address already in use"},
		{"the Kubernetes programs aren't there", "127.0.0.1:0", "are the Kubernetes programs built"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			settings := config{
				dataDir: filepath.Join(dir, "data"), runDir: filepath.Join(dir, "run"), kubeDir: filepath.Join(dir, "none"),
				listen: c.listen, origin: "https://localhost:8443",
			}
			var out strings.Builder
			err := serve(t.Context(), settings, &out, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v doesn't say %q", err, c.want)
			}
			if _, err := os.Stat(etcdDir(settings)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("etcd was started: %v", err)
			}
			if out.Len() > 0 {
				t.Error("a credential was shown")
			}
		})
	}
}

// The teardown of a cloud that ran without clusters wanted the Kubernetes programs.
func TestTeardownWithoutClustersNeedsNoPrograms(t *testing.T) {
	dir := t.TempDir()
	settings := config{dataDir: filepath.Join(dir, "data"), runDir: filepath.Join(dir, "run"), kubeDir: filepath.Join(dir, "none")}
	if err := os.Mkdir(settings.dataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := teardown(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(settings.dataDir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the data folder is still there")
	}
}
