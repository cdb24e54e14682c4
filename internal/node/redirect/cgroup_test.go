package redirect

import (
	"net/netip"
	"strings"
	"testing"
)

func TestCgroupFiles(t *testing.T) {
	own, err := ownCgroup(strings.NewReader("9:name=systemd:/\n4:memory:/x\n0::/lanyard/n1/kubepods/burstable/poda/c\n"))
	if err != nil || own != "/lanyard/n1/kubepods/burstable/poda/c" {
		t.Errorf("own group %q, %v", own, err)
	}
	for group, want := range map[string]string{
		own:                           "/lanyard/n1/kubepods",
		"/kubepods/podb/c":            "/kubepods",
		"/kubepods.slice/x.slice/c":   "/kubepods.slice",
		"/":                           "",
		"/system.slice/nmi.service":   "",
		"/docker/x/kubelet/kubepods2": "",
	} {
		if got, ok := KubepodsAbove(group); got != want || ok != (want != "") {
			t.Errorf("above %s: %q, %t, want %q", group, got, ok, want)
		}
	}
	const mounts = "25 1 0:22 / /proc rw - proc proc rw\n" +
		"33 30 0:30 /../.. /host/cgroup rw,relatime shared:3 - cgroup2 cgroup2 rw\n" +
		"34 30 0:30 / /sys/fs/cgroup/unified rw,relatime shared:3 - cgroup2 cgroup2 rw\n"
	if got, err := cgroupMount(strings.NewReader(mounts)); err != nil || got != "/sys/fs/cgroup/unified" {
		t.Errorf("mount %q, %v", got, err)
	}
	if _, err := cgroupMount(strings.NewReader("25 1 0:22 / /proc rw - proc proc rw\n")); err == nil {
		t.Error("a machine without version 2 has a mount")
	}
}

func TestValidate(t *testing.T) {
	good := Config{
		Metadata: netip.MustParseAddrPort("169.254.169.254:80"), Agent: netip.MustParseAddr("169.254.25.79"), Proven: 1, Unproven: 2, Local: 3,
		Kubepods: Cgroup{Path: "/kubepods", ID: 3, Level: 1}, Self: Cgroup{Path: "/kubepods/p/c", ID: 9, Level: 3},
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"IPv6 metadata": func(c *Config) { c.Metadata = netip.MustParseAddrPort("[fd00::1]:80") },
		"no agent":      func(c *Config) { c.Agent = netip.Addr{} },
		"one address":   func(c *Config) { c.Agent = c.Metadata.Addr() },
		"one port":      func(c *Config) { c.Unproven = c.Proven },
		"local port":    func(c *Config) { c.Local = c.Unproven },
		"above itself":  func(c *Config) { c.Self.Level = 0; c.Kubepods.Level = 4; c.Self.Level = 3 },
	} {
		c := good
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
