package rig

import (
	"bytes"
	"context"
	_ "embed" // azcompat
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Debian 12's az 2.45 comes with newer SDKs than it expects. This module repairs attribute names and two API versions on
// Python's side of az; no request is changed.
//
//go:embed azcompat/sitecustomize.py
var azcompat []byte

// Az is the real az with a profile of its own.
type Az struct {
	program string
	env     []string
	before  []string // what runs it
}

// AzError is what az complained of.
type AzError struct {
	Args   []string
	Code   int
	Stderr string
}

func (e *AzError) Error() string {
	return fmt.Sprintf("az %s: exit status %d: %s", strings.Join(e.Args, " "), e.Code, strings.TrimSpace(e.Stderr))
}

// Az is the real az, which knows the cloud as "lanyard" and is signed in as its administrator. It is installed from
// Debian's package where it isn't there.
func (c *Cloud) Az(t testing.TB) *Az {
	t.Helper()
	if c.az == nil {
		az := c.NewAz(t)
		az.Must(t, "login", "--service-principal", "--username", c.Admin.ClientID, "--password", c.Admin.ClientSecret.Reveal(), "--tenant", c.Admin.TenantID)
		c.az = az
	}
	return c.az
}

// NewAz is an az with an empty profile that knows the cloud and nobody in it.
func (c *Cloud) NewAz(t testing.TB) *Az {
	t.Helper()
	dir := t.TempDir()
	az := &Az{program: installedAz(t), env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PYTHONPATH=" + filepath.Join(dir, "compat"),
		"AZURE_CONFIG_DIR=" + filepath.Join(dir, "azure"), "AZURE_CORE_COLLECT_TELEMETRY=false", "AZURE_CORE_NO_COLOR=true",
		// Registries and other data planes have names of their own, which lead to the front through its proxy.
		"HTTPS_PROXY=" + c.Proxy(), "NO_PROXY=localhost,127.0.0.1",
		"REQUESTS_CA_BUNDLE=" + c.CAFile(), "SSL_CERT_FILE=" + c.CAFile(),
		"AZURE_EXTENSION_DIR=" + filepath.Join(dir, "extensions"), "AZURE_EXTENSION_INDEX_URL=" + c.ExtensionIndex(),
	}}
	shim := filepath.Join(dir, "compat", "sitecustomize.py")
	if err := errors.Join(os.MkdirAll(filepath.Dir(shim), 0o700), os.WriteFile(shim, azcompat, 0o600)); err != nil {
		t.Fatal(err)
	}
	az.Must(t, "cloud", "register", "--name", "lanyard", "--cloud-config", "@"+c.cloudConfig(t, dir))
	az.Must(t, "cloud", "set", "--name", "lanyard")
	return az
}

// cloudConfig writes the cloud's addresses into a folder, in the form of cloud register --cloud-config.
func (c *Cloud) cloudConfig(t testing.TB, dir string) string {
	t.Helper()
	origin := c.Origin()
	// az asks no other host about an authority that ends in /adfs.
	endpoints, err := json.Marshal(map[string]any{"suffixes": map[string]string{"acr_login_server_endpoint": ".azurecr.io", "keyvault_dns": ".vault.azure.net", "storage_endpoint": "core.windows.net"}, "endpoints": map[string]string{
		"resource_manager": origin + "/", "management": origin + "/", "gallery": origin + "/",
		"active_directory": origin + "/adfs", "active_directory_resource_id": "https://management.core.windows.net/",
		"active_directory_graph_resource_id": origin + "/", "microsoft_graph_resource_id": origin + "/",
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "cloud.json")
	if err := os.WriteFile(file, endpoints, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// AzOn is an az with an empty profile on the node that the process belongs to, in its network and with its name server: it
// knows no cloud but Azure's, and finds this one under Azure's own names and addresses.
func (c *Cloud) AzOn(t testing.TB, process int) *Az {
	t.Helper()
	dir := t.TempDir()
	az := &Az{program: installedAz(t), env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AZURE_CONFIG_DIR=" + filepath.Join(dir, "azure"), "AZURE_CORE_COLLECT_TELEMETRY=false", "AZURE_CORE_NO_COLOR=true",
		"PYTHONPATH=" + filepath.Join(dir, "compat"), "REQUESTS_CA_BUNDLE=" + c.CAFile(),
	}}
	resolver, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/etc/resolv.conf", process))
	if err != nil {
		t.Fatalf("reading the node's name server: %v", err)
	}
	names, shim := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "compat", "sitecustomize.py")
	if err := errors.Join(os.WriteFile(names, resolver, 0o600), os.MkdirAll(filepath.Dir(shim), 0o700), os.WriteFile(shim, azcompat, 0o600)); err != nil {
		t.Fatal(err)
	}
	az.before = []string{"nsenter", "--target", fmt.Sprint(process), "--net", "unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, names}
	return az
}

// Environment is that of az's processes.
func (a *Az) Environment() []string { return slices.Clone(a.env) }

// Run returns what az printed. A failure is an *AzError.
func (a *Az) Run(ctx context.Context, args ...string) (string, error) {
	line := slices.Concat(a.before, []string{a.program}, args)
	command := exec.CommandContext(ctx, line[0], line[1:]...)
	command.Env = a.env
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.String(), &AzError{Args: args, Code: exit.ExitCode(), Stderr: complaint.String()}
	}
	return out.String(), err
}

// Must returns what az printed, without the line's end.
func (a *Az) Must(t testing.TB, args ...string) string {
	t.Helper()
	out, err := a.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// Refused returns what az complained of; that the command works is a failure.
func (a *Az) Refused(t testing.TB, args ...string) string {
	t.Helper()
	out, err := a.Run(t.Context(), args...)
	var complaint *AzError
	if !errors.As(err, &complaint) {
		t.Fatalf("az %s: it wasn't refused: %v %s", strings.Join(args, " "), err, out)
	}
	return complaint.Stderr
}

func installedAz(t testing.TB) string {
	t.Helper()
	if program, err := exec.LookPath("az"); err == nil {
		return program
	}
	fmt.Fprintln(os.Stderr, "installing az with apt-get: azure-cli")
	install := exec.CommandContext(t.Context(), "sh", "-c", "apt-get update -q && apt-get install -y --no-install-recommends azure-cli")
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing azure-cli: %v: %s", err, out)
	}
	program, err := exec.LookPath("az")
	if err != nil {
		t.Fatal(err)
	}
	return program
}
