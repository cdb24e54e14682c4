package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// TestMain lets the test's own binary be lanyardd.
func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" || len(os.Args) > 1 && os.Args[1] == etcdserver.Command {
		main()
		return
	}
	os.Exit(m.Run())
}

const beProgram = "LANYARD_TEST_RUN_LANYARDD"

// TestBackupIsTakenWhileItServes restores it into another folder, where the same
// administrator signs in with the same secret and is believed by the same
// certificate authority.
func TestBackupIsTakenWhileItServes(t *testing.T) {
	first := newInstance(t)
	stop := first.serve(t)
	secret := first.administrator(t)
	file := filepath.Join(t.TempDir(), "lanyard.backup")
	first.must(t, "backup", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup: %v, %v", info, err)
	}
	stop()
	if out, err := first.command(t, "restore", file).CombinedOutput(); err == nil || !strings.Contains(string(out), "isn't empty") {
		t.Errorf("restoring over a state: %v: %s", err, out)
	}

	second := newInstance(t)
	if err := os.WriteFile(file+".half", firstHalf(t, file), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := second.command(t, "restore", file+".half").CombinedOutput(); err == nil || !strings.Contains(string(out), "isn't a whole backup") {
		t.Errorf("restoring half a file: %v: %s", err, out)
	}
	third := newInstance(t)
	third.must(t, "restore", file)
	defer third.serve(t)()
	if got := third.signIn(t, first.ca(t), secret); got != http.StatusOK {
		t.Errorf("signing in to the restored one answers %d", got)
	}
}

func firstHalf(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content[:len(content)/2]
}

// readyLimit is how long anything here may take on a machine that does much else.
const readyLimit = 3 * time.Minute

// instance is a lanyardd without clusters, with folders and an address of its own.
type instance struct{ dir, address string }

func newInstance(t *testing.T) *instance {
	t.Helper()
	dir, err := os.MkdirTemp("", "ly") //nolint:usetesting // a socket's path is limited, test names aren't
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{dir: dir, address: loopbacktest.Free(t)}
	t.Cleanup(func() {
		if out, err := i.commandContext(context.WithoutCancel(t.Context()), "teardown").CombinedOutput(); err != nil {
			t.Errorf("teardown: %v: %s", err, out)
		}
		_ = os.RemoveAll(dir)
	})
	return i
}

func (i *instance) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return i.commandContext(t.Context(), args...)
}

func (i *instance) commandContext(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "--data-dir="+filepath.Join(i.dir, "data"), "--run-dir="+filepath.Join(i.dir, "run"))
	command := exec.CommandContext(ctx, os.Args[0], args...)
	command.Env = append(os.Environ(), beProgram+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

func (i *instance) must(t *testing.T, args ...string) {
	t.Helper()
	if out, err := i.command(t, args...).CombinedOutput(); err != nil {
		t.Fatalf("lanyardd %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (i *instance) origin() string { return "https://" + i.address }

// serve starts it and waits until it is ready.
func (i *instance) serve(t *testing.T, more ...string) (stop func()) {
	t.Helper()
	command := i.command(t, append([]string{"serve", "--clusters=none", "--listen=" + i.address, "--origin=" + i.origin(),
		"--admin-credential-file=" + filepath.Join(i.dir, "admin.json")}, more...)...)
	var log bytes.Buffer
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("lanyardd ended with %v:\n%s", err, log.String())
		}
	}
	for deadline := time.Now().Add(readyLimit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		ca, err := os.ReadFile(i.caFile())
		if err != nil {
			continue
		}
		response, err := client(t, ca).Get(i.origin() + "/readyz")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return stop
		}
	}
	_ = command.Process.Kill()
	t.Fatalf("lanyardd isn't ready after %s:\n%s", readyLimit, log.String())
	return nil
}

func (i *instance) caFile() string { return filepath.Join(i.dir, "data", "tls", "ca.crt") }

func (i *instance) ca(t *testing.T) []byte {
	t.Helper()
	ca, err := os.ReadFile(i.caFile())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// credential is the first administrator's, as lanyardd writes it.
type credential struct{ TenantID, SubscriptionID, ClientID, ClientSecret string }

func (i *instance) administrator(t *testing.T) credential {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(i.dir, "admin.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c credential
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func (i *instance) signIn(t *testing.T, ca []byte, c credential) int {
	t.Helper()
	response, err := client(t, ca).PostForm(i.origin()+"/"+c.TenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}, "scope": {i.origin() + "/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func client(t *testing.T, ca []byte) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate")
	}
	return &http.Client{Timeout: readyLimit, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}
