package main

import (
	"strings"
	"testing"
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
	unlock, err := lockDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDataDir(dir); err == nil || !strings.Contains(err.Error(), "another lanyardd") {
		t.Errorf("a second lanyardd got %v", err)
	}
	unlock()
	again, err := lockDataDir(dir)
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	again()
}
