package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// Terraform is the real terraform with a provider binary that the user named, in a working folder of its own.
type Terraform struct {
	program string
	dir     string
	env     []string
}

// ProviderVariable names the environment variable for a binary of terraform-provider-azurerm, which has no package
// that could be installed from here.
const ProviderVariable = "TF_AZURERM"

// releasedVersion is in the file names of released providers. One that was built from source has none; it is offered as
// builtVersion, which the configurations' "~> 4.0" admits, whatever it is.
var releasedVersion = regexp.MustCompile(`_v(4\.\d+\.\d+)`)

const builtVersion = "4.81.0"

// TerraformProgram is the real terraform, which finds the provider and works as the cloud's administrator. It is empty where
// no provider is at hand, and has then said so loudly.
func (c *Cloud) TerraformProgram(t testing.TB) string {
	t.Helper()
	provider := os.Getenv(ProviderVariable)
	program, err := exec.LookPath("terraform")
	if provider == "" || err != nil {
		fmt.Fprintf(os.Stderr, "\n!!! Terraform in %s DID NOT RUN: it needs terraform in the path and %s naming a binary of terraform-provider-azurerm\n\n", t.Name(), ProviderVariable)
		return ""
	}
	version := builtVersion
	if found := releasedVersion.FindStringSubmatch(filepath.Base(provider)); found != nil {
		version = found[1]
	}
	if provider, err = filepath.Abs(provider); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	own, mirror, settings := filepath.Join(root, "terraform"), filepath.Join(root, "mirror"), filepath.Join(root, "terraform.rc")
	plugins := filepath.Join(mirror, "registry.terraform.io", "hashicorp", "azurerm", version, "linux_amd64")
	// The administrator's secret is in the cloud's own file of exports: scripts print their environment.
	wrapper := fmt.Sprintf("#!/bin/sh -eu\n. '%s'\nexport TF_CLI_CONFIG_FILE='%s' CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 TF_CLI_ARGS=-no-color\nexec '%s' \"$@\"\n",
		c.EnvFile(), settings, program)
	if err := errors.Join(
		c.WriteEnv(""),
		os.MkdirAll(plugins, 0o700),
		os.Symlink(provider, filepath.Join(plugins, "terraform-provider-azurerm_v"+version)),
		os.WriteFile(settings, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror), 0o600),
		os.WriteFile(own, []byte(wrapper), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	return own
}

// Terraform prepares a folder with the configuration of another. It is nil where TerraformProgram is empty.
func (c *Cloud) Terraform(t testing.TB, configuration string) *Terraform {
	t.Helper()
	program := c.TerraformProgram(t)
	if program == "" {
		return nil
	}
	home := t.TempDir()
	tf := &Terraform{program: program, dir: filepath.Join(home, "work"), env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}}
	if err := os.CopyFS(tf.dir, os.DirFS(configuration)); err != nil {
		t.Fatal(err)
	}
	tf.Must(t, "init")
	return tf
}

// limit is for one command. The provider waits longest for the removal of a role definition: it wants 20 answers of 404
// in a row, 10 s apart (role_definition_resource.go, ContinuousTargetOccurence and MinTimeout), so 200 s at least from a
// cloud that forgets at once; a change of one takes 60 s and 12 reads, 180 s. Clusters need a minute or two besides.
const limit = 12 * time.Minute

// Must runs terraform and returns what it printed.
func (tf *Terraform) Must(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tf.run(t.Context(), args...)
	if err != nil {
		t.Fatalf("terraform %s: %v\n%s", args[0], err, tailOf(out))
	}
	return out
}

// Apply makes what the configuration says.
func (tf *Terraform) Apply(t testing.TB) {
	t.Helper()
	tf.Must(t, "apply", "-auto-approve")
}

// Settled fails if a plan wants to change anything.
func (tf *Terraform) Settled(t testing.TB) {
	t.Helper()
	if out, err := tf.run(t.Context(), "plan", "-detailed-exitcode"); err != nil {
		t.Errorf("a second plan isn't empty: %v\n%s", err, tailOf(out))
	}
}

// Change replaces a text in a file of the configuration.
func (tf *Terraform) Change(t testing.TB, file string, change func(string) string) {
	t.Helper()
	file = filepath.Join(tf.dir, file)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	after := change(string(before))
	if after == string(before) {
		t.Fatalf("%s didn't change", file)
	}
	if err := os.WriteFile(file, []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (tf *Terraform) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("terraform %s wasn't done after %s", args[0], limit))
	defer cancel()
	command := exec.CommandContext(ctx, tf.program, args...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // it ends its provider
	command.WaitDelay = time.Minute
	command.Dir, command.Env = tf.dir, tf.env
	out, err := command.CombinedOutput()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = errors.Join(cause, err)
	}
	return string(out), err
}

func tailOf(out string) string { return out[max(0, len(out)-4000):] }
