package local

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// Cloud is one lanyardd and all that it runs, kept below one folder.
type Cloud struct {
	// Dir holds all state: lanyardd's data, logs, images, the environment file.
	Dir string
	// Build is the folder of the built programs (see Programs).
	Build string
	// Listen is the loopback address of the front, "127.0.0.1:8443".
	Listen string
	// NodeImages are the packed images that every node imports; nil means all.
	NodeImages []string
	// Flags are more flags for lanyardd serve.
	Flags []string
	// User is whom lanyardd runs as, by number, where that isn't who starts it (0). The folders are given to him.
	User uint32
}

const (
	// startLimit is for a machine that does much else; a lanyardd that can't start ends, and is noticed at once.
	startLimit = 3 * time.Minute
	endLimit   = time.Minute
)

// Administrator is the credential that lanyardd made at its first start: an
// Owner service principal of its one subscription.
type Administrator struct {
	TenantID       string        `json:"tenantId"`
	SubscriptionID string        `json:"subscriptionId"`
	ClientID       string        `json:"clientId"`
	ClientSecret   secret.String `json:"clientSecret"`
}

// Origin is the URL of the front, the same for ARM and for the token service.
func (c *Cloud) Origin() string {
	_, port, _ := strings.Cut(c.Listen, ":")
	return "https://localhost:" + port
}

// Proxy is what HTTPS_PROXY has to be for the names of the cloud's data planes,
// such as NAME.azurecr.io, which no resolver of this machine knows.
func (c *Cloud) Proxy() string {
	_, port, _ := strings.Cut(c.Listen, ":")
	return "http://localhost:" + port
}

// CAFile is the certificate authority that clients have to trust.
func (c *Cloud) CAFile() string { return filepath.Join(c.DataDir(), "tls", "ca.crt") }

// DataDir is lanyardd's data folder.
func (c *Cloud) DataDir() string { return filepath.Join(c.Dir, "data") }

// LogFile is where lanyardd's own log goes.
func (c *Cloud) LogFile() string { return filepath.Join(c.Dir, "lanyardd.log") }

// ImagesDir holds the image archives that every node imports.
func (c *Cloud) ImagesDir() string { return filepath.Join(c.Dir, "images") }

// RunDir holds sockets, which need short paths; it goes away with Down.
func (c *Cloud) RunDir() string {
	sum := sha256.Sum256([]byte(c.Dir))
	return fmt.Sprintf("/run/lanyard-%x", sum[:4])
}

func (c *Cloud) credentialFile() string { return filepath.Join(c.Dir, "administrator.json") }
func (c *Cloud) pidFile() string        { return filepath.Join(c.Dir, "lanyardd.pid") }

// Start starts lanyardd in the background and returns when it answers. An
// instance that already runs is left as it is.
func (c *Cloud) Start(ctx context.Context) error {
	for _, dir := range []string{c.Dir, c.DataDir(), c.ImagesDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if pid := c.pid(); pid != 0 {
		return c.waitHealthy(ctx, nil)
	}
	log, err := os.OpenFile(c.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(filepath.Join(c.Build, "bin", "lanyardd"), append([]string{"serve"}, c.flags()...)...) //nolint:noctx // it outlives this program; Down ends it
	command.Stdout, command.Stderr = log, log
	// A session of its own: a Ctrl-C at the terminal is for the launcher, which
	// takes lanyardd down in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.User != 0 {
		if err := c.giveFolders(); err != nil {
			return fmt.Errorf("giving the folders to user %d: %w", c.User, err)
		}
		command.SysProcAttr.Credential = &syscall.Credential{Uid: c.User, Gid: c.User}
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting lanyardd: %w", err)
	}
	if err := os.WriteFile(c.pidFile(), []byte(strconv.Itoa(command.Process.Pid)), 0o600); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	return c.waitHealthy(ctx, exited)
}

// giveFolders makes lanyardd's user the owner of what it writes to.
func (c *Cloud) giveFolders() error {
	if err := os.MkdirAll(c.RunDir(), 0o700); err != nil {
		return err
	}
	for _, dir := range []string{c.Dir, c.DataDir(), c.ImagesDir(), c.RunDir()} {
		if err := os.Chown(dir, int(c.User), int(c.User)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cloud) flags() []string {
	flags := []string{
		"--data-dir=" + c.DataDir(), "--run-dir=" + c.RunDir(), "--kube-dir=" + filepath.Join(c.Build, "kube"),
		"--listen=" + c.Listen, "--origin=" + c.Origin(), "--admin-credential-file=" + c.credentialFile(),
		"--pause-image=" + PauseImage,
		"--dns-image=" + DNSImage,
	}
	for _, file := range c.imageFiles() {
		flags = append(flags, "--node-image="+file)
	}
	return append(flags, c.Flags...)
}

// waitHealthy returns when the front answers, or why it never will.
func (c *Cloud) waitHealthy(ctx context.Context, exited <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		if client, err := c.Client(); err == nil {
			if response, err := get(ctx, client, c.Origin()+"/readyz"); err == nil {
				response.Body.Close()
				if response.StatusCode == http.StatusOK {
					return nil
				}
			}
		}
		select {
		case err := <-exited:
			_ = os.Remove(c.pidFile())
			return fmt.Errorf("lanyardd ended at its start (%w); the end of %s says: %s", err, c.LogFile(), c.logTail())
		case <-ctx.Done():
			return fmt.Errorf("lanyardd didn't become ready; the end of %s says: %s", c.LogFile(), c.logTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Client is an HTTP client that trusts the cloud's own CA and nothing else.
func (c *Cloud) Client() (*http.Client, error) {
	pem, err := os.ReadFile(c.CAFile())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", c.CAFile())
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}, nil
}

// Administrator reads the credential that lanyardd made at its first start.
func (c *Cloud) Administrator() (Administrator, error) {
	return readAdministrator(c.credentialFile())
}

// AdministratorOf reads the credential of a further tenant's administrator.
func (c *Cloud) AdministratorOf(domain string) (Administrator, error) {
	return readAdministrator(filepath.Join(c.Dir, "administrator."+domain+".json"))
}

func readAdministrator(file string) (Administrator, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Administrator{}, err
	}
	var a Administrator
	return a, json.Unmarshal(data, &a)
}

// Kill ends lanyardd at once, as a crash would, and leaves its clusters running.
func (c *Cloud) Kill() error {
	pid := c.pid()
	if pid == 0 {
		return errors.New("lanyardd isn't running")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return c.waitGone(pid)
}

// Stop has lanyardd end by itself, if it runs, and waits for that. Clusters stay.
func (c *Cloud) Stop() error {
	pid := c.pid()
	if pid == 0 {
		return nil
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	return c.waitGone(pid)
}

// Down stops lanyardd and everything that it started, and removes the state.
// Calling it again, or after a crash, is fine.
func (c *Cloud) Down(ctx context.Context) error {
	if pid := c.pid(); c.Stop() != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if _, err := os.Stat(c.DataDir()); err == nil {
		teardown := exec.CommandContext(ctx, filepath.Join(c.Build, "bin", "lanyardd"), "teardown", "--data-dir="+c.DataDir(), "--run-dir="+c.RunDir(), "--kube-dir="+filepath.Join(c.Build, "kube"))
		if output, err := teardown.CombinedOutput(); err != nil {
			return fmt.Errorf("tearing down the clusters: %w: %s", err, lastLine(output))
		}
	}
	further, err := filepath.Glob(filepath.Join(c.Dir, "administrator.*.json"))
	if err != nil {
		return err
	}
	for _, path := range append(further, c.DataDir(), c.ImagesDir(), c.credentialFile(), c.pidFile(), filepath.Join(c.Dir, "env"), filepath.Join(c.Dir, "kubeconfig")) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// pid is the process ID of a running lanyardd of this folder, else 0.
func (c *Cloud) pid() int {
	if data, err := os.ReadFile(c.pidFile()); err == nil {
		// The number alone proves nothing after a reboot: the command line has to be ours.
		if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && c.serves(pid) {
			return pid
		}
	}
	// A launcher that was killed left no number, or a lanyardd was started by hand.
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	for _, folder := range folders {
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil && c.serves(pid) {
			return pid
		}
	}
	return 0
}

// serves reports whether a process is a lanyardd that works on this folder.
func (c *Cloud) serves(pid int) bool {
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(cmdline), "\x00serve\x00--data-dir="+c.DataDir()+"\x00")
}

func (c *Cloud) waitGone(pid int) error {
	for deadline := time.Now().Add(endLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if state := processState(pid); state == "" || state == "Z" {
			_ = os.Remove(c.pidFile())
			return nil
		}
	}
	return fmt.Errorf("process %d doesn't end", pid)
}

// processState is the state letter in /proc/<pid>/stat, "" when there is no such process.
func processState(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

func (c *Cloud) logTail() string {
	data, err := os.ReadFile(c.LogFile())
	if err != nil {
		return err.Error()
	}
	return lastLine(data)
}

func get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(request)
}

// RunsAt is the address that a running lanyardd of this folder listens at, else "".
func (c *Cloud) RunsAt() string {
	pid := c.pid()
	if pid == 0 {
		return ""
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	for word := range strings.SplitSeq(string(cmdline), "\x00") {
		if listen, ok := strings.CutPrefix(word, "--listen="); ok {
			return listen
		}
	}
	return ""
}

// PID is the process of a running lanyardd of this folder, else 0.
func (c *Cloud) PID() int { return c.pid() }
