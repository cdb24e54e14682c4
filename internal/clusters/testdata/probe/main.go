// The probe is the only program of the test's pods: "serve" answers HTTP on
// port 8080 with the caller's address, "get URL…" prints what each URL answers
// and then stays, "hold" only stays.
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
		client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		for _, url := range os.Args[2:] {
			resp, err := client.Get(url)
			if err != nil {
				fmt.Printf("%s = error\n", url)
				continue
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			fmt.Printf("%s = %s\n", url, body)
		}
		fmt.Println("done")
	}
	<-ctx.Done()
}
