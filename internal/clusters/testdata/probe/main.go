// The probe is the only program of the test's pods: "serve" answers HTTP on
// port 8080 with the caller's address, "get URL…" prints what each URL answers
// and stays, "cat FILE" prints a file and stays, "write FILE WORD" writes one and stays, "say WORD" prints and ends.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch os.Args[1] {
	case "serve":
		go http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			fmt.Fprint(w, host)
		}))
	case "get":
		for _, url := range os.Args[2:] {
			fmt.Printf("%s = %s\n", url, get(url))
		}
		fmt.Println("done")
	case "cat":
		b, err := os.ReadFile(os.Args[2])
		fmt.Printf("%s %v\ndone\n", b, err)
	case "write":
		fmt.Printf("%v\ndone\n", os.WriteFile(os.Args[2], []byte(os.Args[3]), 0o600))
	case "say":
		fmt.Println(os.Args[2])
		return
	}
	<-ctx.Done()
}

// get tries for a while: kube-proxy may be younger than the pod. What begins
// with ! is tried once.
func get(url string) string {
	if path, ok := strings.CutPrefix(url, "unix://"); ok {
		c, err := net.Dial("unix", path)
		if err != nil {
			return err.Error()
		}
		c.Close()
		return "connected"
	}
	tries := 20
	url, once := strings.CutPrefix(url, "!")
	if once {
		tries = 1
	}
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for range tries {
		if resp, err := client.Get(url); err == nil {
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			return fmt.Sprintf("%d %s", resp.StatusCode, body)
		}
		time.Sleep(250 * time.Millisecond)
	}
	return "unreachable"
}
