package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Lanyard is the environment in which the built lanyard knows the cloud, as "lanyard", and is signed in as its
// administrator, with a home of its own.
func (c *Cloud) Lanyard(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANYARD_CONFIG_DIR=" + filepath.Join(dir, "lanyard"), "SSL_CERT_FILE=" + c.CAFile(),
	}
	config := c.cloudConfig(t, dir)
	for _, line := range [][]string{
		{"cloud", "register", "--name", "lanyard", "--cloud-config", "@" + config},
		{"cloud", "set", "--name", "lanyard"},
		{"login", "--service-principal", "--username", c.Admin.ClientID, "--password", c.Admin.ClientSecret.Reveal(), "--tenant", c.Admin.TenantID},
	} {
		command := exec.CommandContext(t.Context(), filepath.Join(c.Build, "bin", "lanyard"), line...)
		command.Env = environment
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("lanyard %s: %v: %s", line[0], err, out)
		}
	}
	return environment
}
