package entra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// call is one exchange: the one place where answers and refusals become bytes.
type call struct {
	w           http.ResponseWriter
	now         time.Time
	trace       string
	correlation string
	remote      string
	log         *slog.Logger
}

// refusal is the body of an error, in the order in which Entra writes it.
type refusal struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri,omitempty"`
}

func (c *call) refuse(e *Error) {
	body := refusal{
		Error: e.OAuth, Codes: []int{e.Code}, Timestamp: c.now.Format(timestamp), TraceID: c.trace, CorrelationID: c.correlation,
		Description: c.describe(e),
	}
	if e.page {
		// Microsoft's page explains the code; there is nothing of ours to add.
		body.URI = fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", e.Code)
	}
	switch e.Status {
	case http.StatusMethodNotAllowed:
		c.w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		c.w.Header().Set("Retry-After", "1")
	}
	c.answer(e.Status, body)
}

const timestamp = "2006-01-02 15:04:05Z"

// describe is an error in the words that clients print.
func (c *call) describe(e *Error) string {
	return fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", e.Code, e.Message, c.trace, c.correlation, c.now.Format(timestamp))
}

func (c *call) answer(status int, body any) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false) // Entra doesn't either: a URL stays a URL
	if err := encoder.Encode(body); err != nil {
		c.log.Error("encoding an answer failed", "error", err)
		http.Error(c.w, "", http.StatusInternalServerError)
		return
	}
	text := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(text) // a client that went away is no fault of ours
}

// public marks an answer that anybody may read and keep for a day, from any origin.
func (c *call) public() {
	c.w.Header().Set("Cache-Control", "max-age=86400, private")
	c.w.Header().Set("Access-Control-Allow-Origin", "*")
	c.w.Header().Set("Access-Control-Allow-Methods", "GET, OPTIONS")
}
