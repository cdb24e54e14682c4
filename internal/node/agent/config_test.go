package agent

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	good := Config{Node: "n", Mode: "standard", Patience: time.Second, Young: time.Second, NodeAccounts: []string{"kube-system/mic"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*Config){
		"own namespace only":  func(c *Config) { c.Mode = Managed },
		"is not known":        func(c *Config) { c.Mode = "x" },
		"name is missing":     func(c *Config) { c.Node = "" },
		"positive":            func(c *Config) { c.Patience = 0 },
		`"kube-system/mic-*"`: func(c *Config) { c.NodeAccounts = []string{"kube-system/mic-*"} },
		`"mic"`:               func(c *Config) { c.NodeAccounts = []string{"mic"} },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
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
