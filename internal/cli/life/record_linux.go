package life

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// recordTail is how much of the record is looked at: some tens of thousands of requests.
const recordTail = 16 << 20

// entry is a line of lanyardd's record (package record), of whichever kind, as far as it
// is shown.
type entry struct {
	Time   time.Time       `json:"time"`
	Kind   string          `json:"kind"` // token, decision, request
	AppID  string          `json:"appId"`
	Code   json.RawMessage `json:"code"` // a number of a token, a word of a decision
	Reason string          `json:"reason"`

	Via      string    `json:"via"`
	Resource string    `json:"resource"`
	Host     string    `json:"host"`
	Issued   bool      `json:"issued"`
	Expires  time.Time `json:"expires"`

	Method string `json:"method"`
	Path   string `json:"path"`
	Action string `json:"action"`
	Scope  string `json:"scope"`
	Status int    `json:"status"`
}

// entries are the last lines of a cloud's record, oldest first. No line holds a token.
func entries(cloud *local.Cloud) ([]entry, error) {
	file, err := os.Open(filepath.Join(cloud.DataDir(), "record", "record.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if skip := info.Size() - recordTail; skip > 0 {
		if _, err := file.Seek(skip, io.SeekStart); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(file, recordTail))
	if err != nil {
		return nil, err
	}
	var all []entry
	for line := range bytes.Lines(data) {
		var e entry
		// The first line may be half of one, and the last one is being written.
		if json.Unmarshal(line, &e) == nil {
			all = append(all, e)
		}
	}
	return all, nil
}

// holdings are the tokens that are good at a time: for each holder, audience and machine
// the one that lasts longest. names has names for client IDs.
func holdings(all []entry, now time.Time, names map[string]string) []any {
	type holding struct{ app, audience, host string }
	last := map[holding]entry{}
	var order []holding
	for _, e := range all {
		if e.Kind != "token" || !e.Issued || !e.Expires.After(now) {
			continue
		}
		h := holding{e.AppID, e.Resource, e.Host}
		if before, ok := last[h]; !ok || e.Expires.After(before.Expires) {
			last[h] = e
		}
		if i := slices.Index(order, h); i >= 0 {
			order = slices.Delete(order, i, i+1)
		}
		order = append(order, h)
	}
	rows := []any{}
	for _, h := range slices.Backward(order) {
		e := last[h]
		where := machineName(h.host)
		if where == "" {
			where = "-"
		}
		rows = append(rows, value.NewObject("holder", first(names[h.app], h.app), "endsIn", minutes(e.Expires.Sub(now)),
			"audience", h.audience, "machine", where, "via", e.Via))
	}
	return rows
}

// refusals are the last answers that said no, newest first.
func refusals(all []entry, limit int, names map[string]string) []any {
	rows := []any{}
	for _, e := range slices.Backward(all) {
		if len(rows) == limit {
			break
		}
		code := strings.Trim(string(e.Code), `"`)
		what := e.Reason
		switch {
		case e.Kind == "token" && !e.Issued && e.Via == "metadata":
			code = "metadata"
		case e.Kind == "token" && !e.Issued:
			code = "AADSTS" + code
		case e.Kind == "decision" && (e.Status == 401 || e.Status == 403):
			what = e.Action
			if e.Scope != "" {
				what += " at " + brief(e.Scope)
			}
			what = first(what, e.Method+" "+e.Path)
		default:
			continue
		}
		rows = append(rows, value.NewObject("time", e.Time.Format(time.DateTime), "code", code, "who", first(names[e.AppID], e.AppID, "nobody"), "what", what))
	}
	return rows
}

// machineName is the name of the machine in its ID: scale set and instance.
func machineName(id string) string {
	words := strings.Split(strings.Trim(id, "/"), "/")
	switch {
	case len(words) < 8:
		return id
	case len(words) >= 10:
		return words[7] + "_" + words[9]
	}
	return words[7]
}

// brief is a scope without its subscription, which is the same in all rows.
func brief(scope string) string {
	words := strings.SplitN(strings.Trim(scope, "/"), "/", 3)
	if len(words) < 3 {
		return scope
	}
	return words[2]
}

func first(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}

// minutes writes how long something lasts, to the minute: 1h9m.
func minutes(d time.Duration) string {
	if d = d.Truncate(time.Minute); d == 0 {
		return "0m"
	}
	return strings.TrimSuffix(d.String(), "0s")
}
