package connected

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Whoever connects a cluster runs its API server, too, and it may answer anything. What is read of an answer, and what is
// kept of one, is bounded.
const (
	longestAnswer = 8 << 20 // unpacked; discovery in a cluster with hundreds of CRDs has two
	longestName   = 2048
	longestKeys   = 64 << 10
)

// bounded ends answers that are too long.
type bounded struct{ over http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.over.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &ending{ReadCloser: response.Body, left: longestAnswer}
	return response, nil
}

type ending struct {
	io.ReadCloser
	left int
}

func (e *ending) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, fmt.Errorf("its answer has more than %d bytes", longestAnswer)
	}
	n, err := e.ReadCloser.Read(p[:min(len(p), e.left)])
	e.left -= n
	return n, err
}

// short ends what the cluster says is wrong, which logs and answers repeat.
func short(err error) error {
	if text := err.Error(); len(text) > longestName {
		return errors.New(text[:longestName] + "…")
	}
	return err
}

// check refuses facts that can't be kept.
func (f Facts) check() error {
	for what, text := range map[string]string{"the UID of its namespace kube-system": f.Cluster, "its version": f.Version, "the issuer of its tokens": f.Issuer} {
		if text == "" || len(text) > longestName {
			return fmt.Errorf("%s has %d bytes, and may have 1 to %d", what, len(text), longestName)
		}
	}
	if len(f.Keys) > longestKeys {
		return fmt.Errorf("the keys of its tokens have %d bytes, and may have %d", len(f.Keys), longestKeys)
	}
	return nil
}
