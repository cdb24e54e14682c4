package edge

import (
	"net/http"
	"time"

	"k8s.io/utils/clock"
)

// Access is one request, for the record. The query is left out: it can hold what
// nobody should keep.
type Access struct {
	Time          time.Time     `json:"time"`
	RequestID     string        `json:"requestId"`
	CorrelationID string        `json:"correlationId"`
	Remote        string        `json:"remote"`
	Host          string        `json:"host"`
	Method        string        `json:"method"`
	Path          string        `json:"path"`
	Status        int           `json:"status"`
	Bytes         int64         `json:"bytes"`
	Duration      time.Duration `json:"duration"`
	UserAgent     string        `json:"userAgent,omitempty"`
	// Library is what MSAL calls itself, which leaves the user agent to its HTTP client.
	Library string `json:"library,omitempty"`
}

// access tells of each request once it was answered.
func access(clk clock.PassiveClock, tell func(Access), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, path := clk.Now(), r.URL.Path
		seen := &observed{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			named := idsOf(w)
			tell(Access{
				Time: start.UTC(), RequestID: named.request, CorrelationID: named.correlation, Remote: r.RemoteAddr, Host: r.Host,
				Method: r.Method, Path: path, Status: seen.status, Bytes: seen.bytes, Duration: clk.Since(start), UserAgent: clip(r.UserAgent()), Library: clip(library(r)),
			})
		}()
		next.ServeHTTP(seen, r)
	})
}

func library(r *http.Request) string {
	sku := r.Header.Get("X-Client-Sku")
	if version := r.Header.Get("X-Client-Ver"); sku != "" && version != "" {
		return sku + "/" + version
	}
	return sku
}

// clip bounds what a client calls itself.
func clip(name string) string { return name[:min(len(name), 256)] }

// observed remembers what was answered.
type observed struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (o *observed) WriteHeader(status int) {
	o.status = status
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(p []byte) (int, error) {
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
