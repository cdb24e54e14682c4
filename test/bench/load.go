package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load sends requests over so many connections of TLS and HTTP/1.1, each of which
// waits for its answer before the next one, as wrk does. It is lean, so that the
// rate says more of the server than of itself.
type load struct {
	address     string
	tls         *tls.Config
	connections int
	// request is the i-th request as it goes over the wire.
	request func(i int64) []byte
}

// during returns the answers per second within a time; every one must be a success.
func (l load) during(ctx context.Context, d time.Duration) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	done, took, err := l.run(ctx, 1<<62)
	return float64(done) / took.Seconds(), err
}

// times returns the answers per second of so many requests.
func (l load) times(ctx context.Context, n int64) (float64, error) {
	done, took, err := l.run(ctx, n)
	if err == nil && done < n {
		err = fmt.Errorf("%d of %d requests: %w", done, n, ctx.Err())
	}
	return float64(done) / took.Seconds(), err
}

func (l load) run(ctx context.Context, n int64) (int64, time.Duration, error) {
	var next, done atomic.Int64
	errs := make([]error, l.connections)
	var group sync.WaitGroup
	start := time.Now()
	for c := range l.connections {
		group.Go(func() {
			conn, err := (&tls.Dialer{Config: l.tls}).DialContext(ctx, "tcp", l.address)
			if err != nil {
				errs[c] = err
				return
			}
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 64<<10)
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= n {
					return
				}
				if errs[c] = exchange(conn, in, l.request(i)); errs[c] != nil {
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	return done.Load(), time.Since(start), errors.Join(errs...)
}

// exchange sends a request and reads its answer to the end. It looks at no more of the
// answer than it has to, as wrk does: what net/http's client costs would count as the
// server's on a machine that both share.
func exchange(conn io.Writer, in *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	status, length := []byte(nil), 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if status == nil {
			status = bytes.Clone(line)
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return fmt.Errorf("reading an answer: %w", err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return fmt.Errorf("answered with %s and no length", status)
		}
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 2")) {
		text := make([]byte, min(length, 1000))
		_, err := io.ReadFull(in, text)
		return errors.Join(fmt.Errorf("answered with %s: %s", status, text), err)
	}
	_, err := in.Discard(length)
	return err
}

// wire writes a request as it goes over the wire.
func wire(method, path, token, kind, body string) []byte {
	head := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n"
	if token != "" {
		head += "Authorization: Bearer " + token + "\r\n"
	}
	if body != "" {
		head += fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n", kind, len(body))
	}
	return []byte(head + "\r\n" + body)
}
