package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Results is what one run has shown.
type Results struct {
	Run     string              `json:"run"`
	Day     string              `json:"day"`
	Clients map[string][]string `json:"clients"` // with their versions
	Uses    []Use               `json:"uses"`
}

// Use is an operation that a client used.
type Use struct {
	Operation  string   `json:"operation"`
	APIVersion string   `json:"apiVersion,omitempty"`
	Client     string   `json:"client"`
	Served     bool     `json:"served"`
	Refusals   []string `json:"refusals,omitempty"` // codes of errors, sorted
	Unknown    []string `json:"unknown,omitempty"`  // of them, those that say that there is no such thing
}

// line is what both kinds of the record's entries have for us.
type line struct {
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"`
	Method     string    `json:"method"`
	Host       string    `json:"host"` // of data planes
	Path       string    `json:"path"`
	Called     string    `json:"called"`
	APIVersion string    `json:"apiVersion"`
	UserAgent  string    `json:"userAgent"`
	Status     int       `json:"status"`
	Code       any       `json:"code"` // of tokens it is a number
}

// condense reads a record.
func condense(run string, record io.Reader) (Results, error) {
	results := Results{Run: run, Clients: map[string][]string{}}
	uses := map[[3]string]*Use{}
	scanner := bufio.NewScanner(record)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return Results{}, fmt.Errorf("reading the record of %s: %w", run, err)
		}
		if results.Day == "" {
			results.Day = l.Time.Format(time.DateOnly)
		}
		if l.UserAgent == "" || l.Kind != "decision" && l.Kind != "request" {
			continue // what the cloud does by itself, and tokens, which have a request as well
		}
		if l.Called == "" && l.Host != "" {
			l.Called = l.Method + " " + ofService(l.Host, l.Path)
		}
		if l.Called == "" {
			l.Called = l.Method + " " + nameless(l.Path)
		}
		client := clientOf(l.UserAgent)
		if v := versionOf(client, l.UserAgent); !slices.Contains(results.Clients[client], v) && v != "" {
			results.Clients[client] = append(results.Clients[client], v)
			slices.Sort(results.Clients[client])
		}
		version := l.APIVersion
		if strings.HasPrefix(l.Called, "GET operation ") {
			version = "" // that of the operation that is waited for
		}
		key := [3]string{l.Called, version, client}
		if uses[key] == nil {
			uses[key] = &Use{Operation: l.Called, APIVersion: version, Client: client}
		}
		code, _ := l.Code.(string)
		uses[key].answered(l.Status, code)
	}
	if err := scanner.Err(); err != nil {
		return Results{}, fmt.Errorf("reading the record of %s: %w", run, err)
	}
	for use := range maps.Values(uses) {
		slices.Sort(use.Refusals)
		slices.Sort(use.Unknown)
		results.Uses = append(results.Uses, *use)
	}
	slices.SortFunc(results.Uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Client, b.Client))
	})
	return results, nil
}

func (u *Use) answered(status int, code string) {
	if status < http.StatusBadRequest {
		u.Served = true
		return
	}
	answer := strings.TrimSpace(fmt.Sprintf("%d %s", status, code))
	if !slices.Contains(u.Refusals, answer) {
		u.Refusals = append(u.Refusals, answer)
		if isUnknown(code) {
			u.Unknown = append(u.Unknown, answer)
		}
	}
}

// isUnknown are the codes that say that something isn't served at all; lanyardd keeps what got them for GET /debug/unhandled.
func isUnknown(code string) bool {
	switch code {
	case "InvalidResourceType", "InvalidResourceNamespace", "InvalidResourcePath", "NoRegisteredProviderFound", "InvalidApiVersionParameter", "MethodNotAllowed":
		return true
	}
	return false
}

var (
	anID      = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	aKey      = regexp.MustCompile(`^[0-9a-f]{24}$`) // of a cluster, in its issuer's path
	alternate = regexp.MustCompile(`='[^']*'`)
)

// nameless is a path without the names in it.
func nameless(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		switch {
		case anID.MatchString(part) && i == 1:
			parts[i] = "{tenant}"
		case anID.MatchString(part):
			parts[i] = "{id}"
		case aKey.MatchString(part):
			parts[i] = "{key}"
		case strings.Contains(part, "@"):
			parts[i] = "{user}"
		default:
			parts[i] = alternate.ReplaceAllString(part, "='…'")
		}
	}
	return strings.Join(parts, "/")
}

// ofService is a data plane's path without the names in it.
func ofService(host, path string) string {
	_, domain, _ := strings.Cut(host, ".")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case path == "/":
		return domain + "/"
	case strings.HasPrefix(domain, "blob.") && len(parts) == 1:
		return domain + "/{container}"
	case strings.HasPrefix(domain, "blob."):
		return domain + "/{container}/{blob}"
	case strings.HasPrefix(domain, "servicebus."):
		parts[0] = "{queue}"
		if n := len(parts); n > 3 && parts[n-3] == "messages" {
			parts[n-2], parts[n-1] = "{message}", "{lock}"
		}
		return domain + "/" + strings.Join(parts, "/")
	}
	for i := len(parts) - 1; i > 1 && parts[0] == "v2"; i-- {
		if kind := parts[i]; kind == "manifests" || kind == "blobs" || kind == "tags" {
			what := []string{domain, "v2", "{name}", kind}
			if i+1 < len(parts) {
				what = append(what, "{…}")
			}
			return strings.Join(what, "/")
		}
	}
	return domain + nameless(path)
}

// encode is how results are committed: an entry a line, so that a change shows what changed.
func (r Results) encode() ([]byte, error) {
	var b bytes.Buffer
	head, err := json.Marshal(struct {
		Run     string              `json:"run"`
		Day     string              `json:"day"`
		Clients map[string][]string `json:"clients"`
	}{r.Run, r.Day, r.Clients})
	if err != nil {
		return nil, err
	}
	b.Write(bytes.TrimSuffix(head, []byte("}")))
	b.WriteString(",\"uses\":[\n")
	for i, use := range r.Uses {
		entry, err := json.Marshal(use)
		if err != nil {
			return nil, err
		}
		b.Write(entry)
		if i < len(r.Uses)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]}\n")
	return b.Bytes(), nil
}
