package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/seal"
)

// noopBody has the size of an identity's document.
const noopSize = 620

// filePath is where the empty handler has the file of its folder: what a pull would take
// if nobody had to be asked.
const filePath = "/file"

// serveNoop is a process whose every answer is the same, but for a file: what TLS, HTTP
// and the client of the benchmark cost by themselves.
func serveNoop(dir string) error {
	box, err := seal.Load(filepath.Join(dir, "master.key"))
	if err != nil {
		return err
	}
	authority, err := edge.OpenAuthority(filepath.Join(dir, "tls"), box, clock.RealClock{})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with the process
	if err != nil {
		return err
	}
	body := []byte(strings.Repeat("x", noopSize))
	server := &http.Server{ReadHeaderTimeout: time.Minute, TLSConfig: authority.ServerConfig("localhost", "127.0.0.1"),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == filePath {
				http.ServeFile(w, r, filepath.Join(dir, filePath))
				return
			}
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write(body)
		})}
	fmt.Println(listener.Addr())
	return server.ServeTLS(listener, "", "")
}

// startNoop starts such a process and returns where it listens and how to trust it.
func startNoop(ctx context.Context, dir string) (address string, pid int, trust *tls.Config, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(ctx, self, "-noop", dir)
	command.Stderr = os.Stderr
	// A session of its own, as lanyardd has: schedulers share the machine by sessions.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := command.StdoutPipe()
	if err != nil {
		cancel()
		return "", 0, nil, nil, err
	}
	if err := command.Start(); err != nil {
		cancel()
		return "", 0, nil, nil, err
	}
	stop = func() { cancel(); _ = command.Wait() }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		trust, err = trusting(filepath.Join(dir, "tls", "ca.crt"))
	}
	if err != nil {
		stop()
		return "", 0, nil, nil, fmt.Errorf("starting the empty handler: %w", err)
	}
	return strings.TrimSpace(line), command.Process.Pid, trust, stop, nil
}

func trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}, nil
}
