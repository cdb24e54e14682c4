package rig

import (
	"os"
	"path/filepath"
)

// Chart is the folder of the Helm chart.
func (c *Cloud) Chart() string { return filepath.Join(c.root, "charts", "lanyard") }

// ChartSettings are arguments of Helm for what the machine's nodes have, which the chart's values can't know.
func (c *Cloud) ChartSettings() []string {
	// On a machine with both versions of cgroups the second is elsewhere, and containers have no cgroup namespaces.
	const hybrid = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(hybrid); err != nil {
		return nil
	}
	return []string{"--set", "nmi.rulesPrivileged=false,nmi.cgroupFolder=" + hybrid}
}
