package agent

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	good := Config{Node: "n", Mode: "standard", Entitlements: "kubernetes", Network: "routed", Attestation: "binding", Patience: time.Second, Young: time.Second, NodeAccounts: []string{"kube-system/mic"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*Config){
		"own namespace only":   func(c *Config) { c.Mode = Managed },
		"is not known":         func(c *Config) { c.Mode = "x" },
		"routed, bridge or":    func(c *Config) { c.Network = "overlay" },
		"binding or ebpf":      func(c *Config) { c.Attestation = "guess" },
		"by hooks alone":       func(c *Config) { c.Network = "other" },
		"nothing to put them":  func(c *Config) { c.Attestation, c.Cgroups.Kubepods = ByEBPF, None },
		"kubernetes or broker": func(c *Config) { c.Entitlements = "guess" },
		"--broker-configmap":   func(c *Config) { c.Entitlements = ByBroker },
		"name is missing":      func(c *Config) { c.Node = "" },
		"positive":             func(c *Config) { c.Patience = 0 },
		`"kube-system/mic-*"`:  func(c *Config) { c.NodeAccounts = []string{"kube-system/mic-*"} },
		`"mic"`:                func(c *Config) { c.NodeAccounts = []string{"mic"} },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestNodeClientID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "azure.json")
	for content, want := range map[string]string{
		`{"tenantId":"t","useManagedIdentityExtension":true,"userAssignedIdentityID":" k-1 "}`: "k-1",
		`{"aadClientId":"sp","aadClientSecret":"the-secret"}`:                                  "",
		`{"userAssignedIdentityID":"the-secret`:                                                "error",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Config{CloudConfig: file}.nodeClientID()
		if err != nil && !strings.Contains(err.Error(), "the-secret") {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q, %v, want %q", content, got, err, want)
		}
	}
	if _, err := (Config{CloudConfig: file + "x"}).nodeClientID(); err == nil {
		t.Error("a missing file is taken for one that names nothing")
	}
	if got, err := (Config{}).nodeClientID(); got != "" || err != nil {
		t.Errorf("none: %q, %v", got, err)
	}
}

func TestHosts(t *testing.T) {
	hosts := strings.Join(rules(netip.MustParseAddrPort("169.254.169.254:80")).Hosts, " ")
	for _, want := range []string{"169.254.169.254", "169.254.169.254:80", "[::ffff:169.254.169.254]:80", "[::ffff:a9fe:a9fe]"} {
		if !strings.Contains(hosts, want) {
			t.Errorf("host %s is missing in %s", want, hosts)
		}
	}
}
