package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
)

var update = flag.Bool("update", false, "write what the scripts' commands print into the scripts")

// TestMain lets scripts run lanyard as a program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"lanyard":         func() { os.Exit(run(os.Args[1:])) },
		"kubectl-lanyard": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestCommands runs the scripts of testdata/commands, a group of commands each, on one
// lanyardd without clusters. What needs clusters is in test/e2e.
func TestCommands(t *testing.T) {
	cloud := startCloud(t)
	admin, err := cloud.Administrator()
	if err != nil {
		t.Fatal(err)
	}
	params := testscript.Params{
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			for name, v := range map[string]string{
				"HOME": e.WorkDir, "LANYARD_CONFIG_DIR": filepath.Join(e.WorkDir, ".lanyard"), "LANYARD_DIR": cloud.Dir, "ORIGIN": cloud.Origin(), "CA": cloud.CAFile(),
				"TENANT": admin.TenantID, "SUBSCRIPTION": admin.SubscriptionID, "ADMIN": admin.ClientID, "ADMIN_SECRET": admin.ClientSecret.Reveal(),
			} {
				e.Setenv(name, v)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"keep": keep, "certificate": certificate, "browse": browse(cloud), "cleartext": cleartext, "until": until},
	}
	t.Run("now", func(t *testing.T) {
		params := params
		params.Dir = "testdata/commands"
		testscript.Run(t, params)
	})
	t.Run("later", func(t *testing.T) {
		params.Files = []string{"testdata/time.txt"}
		testscript.Run(t, params)
	})
}

// startCloud builds lanyardd and starts it without clusters.
func startCloud(t *testing.T) *local.Cloud {
	t.Helper()
	dir, err := os.MkdirTemp("", "ly") //nolint:usetesting // a socket's path is limited, test names aren't
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "build", "bin")+"/", "../lanyardd")
	build.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building lanyardd: %v: %s", err, out)
	}
	cloud := &local.Cloud{
		Dir: filepath.Join(dir, "cloud"), Build: filepath.Join(dir, "build"), Listen: loopbacktest.Free(t),
		Flags: []string{"--clusters=none", "--clock=movable", "--registration-time=0s"},
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
		defer cancel()
		if err := cloud.Down(ctx); err != nil {
			t.Errorf("taking the cloud down: %v", err)
		}
	})
	if err := cloud.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return cloud
}

// keep puts what the last command printed into a variable.
func keep(script *testscript.TestScript, _ bool, args []string) {
	script.Setenv(args[0], strings.TrimSpace(script.ReadFile("stdout")))
}

// until runs a command again until its output matches: until PATTERN PROGRAM ARGUMENT...
// It is for what lanyardd writes down a moment after its answer.
func until(script *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := script.Exec(args[1], args[2:]...)
		if err == nil && pattern.MatchString(script.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			script.Fatalf("no match for %s within two minutes: %v", args[0], err)
		}
	}
}

// certificate makes cert.pem with its key, and puts the certificate into $CERTIFICATE as
// Graph takes it.
func certificate(script *testscript.TestScript, _ bool, _ []string) {
	data, err := newCertificate(time.Now())
	script.Check(err)
	script.Check(os.WriteFile(script.MkAbs("cert.pem"), data, 0o600))
	block, _ := pem.Decode(data)
	script.Setenv("CERTIFICATE", base64.StdEncoding.EncodeToString(block.Bytes))
}

var deviceCode = regexp.MustCompile(`enter the code (\S+)`)

// browse is a person in front of a browser: browse USER PASSWORD enters the code that a
// command in the background has shown in the file device.
func browse(cloud *local.Cloud) func(*testscript.TestScript, bool, []string) {
	return func(script *testscript.TestScript, _ bool, args []string) {
		code := ""
		for deadline := time.Now().Add(2 * time.Minute); code == "" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			shown, err := os.ReadFile(script.MkAbs("device"))
			if found := deviceCode.FindSubmatch(shown); err == nil && found != nil {
				code = string(found[1])
			}
		}
		if code == "" {
			script.Fatalf("no code was shown")
		}
		client, err := cloud.Client()
		script.Check(err)
		form := url.Values{"code": {code}, "username": {args[0]}, "password": {args[1]}, "answer": {"ok"}}
		request, err := http.NewRequest(http.MethodPost, cloud.Origin()+"/devicelogin", strings.NewReader(form.Encode()))
		script.Check(err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", cloud.Origin())
		response, err := client.Do(request)
		script.Check(err)
		defer response.Body.Close()
		page, err := io.ReadAll(response.Body)
		script.Check(err)
		if !bytes.Contains(page, []byte("You have signed in")) {
			script.Fatalf("the page says: %s", page)
		}
	}
}

// cleartext fails when what the last command printed, on either stream, contains the
// value of a variable; negated, when it doesn't.
func cleartext(script *testscript.TestScript, wanted bool, args []string) {
	for _, name := range args {
		secret := script.Getenv(name)
		if secret == "" {
			script.Fatalf("%s is empty", name)
		}
		found := strings.Contains(script.ReadFile("stdout")+script.ReadFile("stderr"), secret)
		if found && !wanted {
			script.Fatalf("%s is shown", name)
		}
	}
}
