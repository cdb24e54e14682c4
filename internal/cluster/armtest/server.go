package armtest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Server is the fake. Its zero value isn't usable; see New.
type Server struct {
	http *httptest.Server

	mu         sync.Mutex
	sets       map[string]*set      // by lower-case resource ID
	identities map[string]*Identity // by lower-case resource ID
	operations map[string]*operation
	calls      []string
	throttle   time.Duration
	failures   map[string]*failure // by method
	latency    time.Duration
	disturb    func(*http.Request) Disturbance
	etags      int
}

// Disturbance is what goes wrong with one call; the zero value is nothing.
type Disturbance struct {
	// Status and Code are answered instead of the truth; a Status of 429 with RetryAfter.
	Status     int
	Code       string
	RetryAfter time.Duration
	// HangUp cuts the connection without an answer.
	HangUp bool
	// Late lets the call take effect before all that.
	Late bool
}

// Identity is a user-assigned identity that exists.
type Identity struct {
	ClientID string
	// Forbidden means that the caller may not assign it.
	Forbidden bool
}

type set struct {
	id       string
	system   bool
	assigned map[string]string // lower-case ID to the spelling that is shown
	etag     string
	polls    int // polls that each operation takes
	// pending is the operation under way. Whoever started it may be gone, so that
	// reading the set brings it nearer to its end too.
	pending *operation
}

type failure struct {
	left, status  int
	code, message string
}

type operation struct {
	remaining int
	apply     func()
}

// New starts a fake that lives as long as the test.
func New(t testing.TB) *Server {
	s := &Server{sets: map[string]*set{}, identities: map[string]*Identity{}, operations: map[string]*operation{}, failures: map[string]*failure{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/operations/{id}", s.pollOperation)
	mux.HandleFunc("/", s.resource)
	s.http = httptest.NewTLSServer(mux)
	t.Cleanup(s.http.Close)
	return s
}

// Options returns the client options with which the SDK reaches the fake.
func (s *Server) Options() arm.ClientOptions {
	return arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: s.http.Client(),
		Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: s.http.URL, Audience: "https://management.azure.com"},
		}},
	}}
}

// URL returns where the fake listens.
func (s *Server) URL() string { return s.http.URL }

// Certificate returns what a client has to trust.
func (s *Server) Certificate() *x509.Certificate { return s.http.Certificate() }

// GetToken makes the fake its own credential.
func (s *Server) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "fake", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// AddScaleSet makes a scale set, or a virtual machine if that is what the ID
// says, whose operations need a number of polls (none:
// they are done at once), with identities that are there already.
func (s *Server) AddScaleSet(id string, polls int, assigned ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &set{id: id, polls: polls, assigned: map[string]string{}}
	for _, a := range assigned {
		v.assigned[strings.ToLower(a)] = a
	}
	s.sets[strings.ToLower(id)] = v
	s.touch(v)
}

// SetIdentity makes an identity, or changes it; nil removes it.
func (s *Server) SetIdentity(id string, i *Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i == nil {
		delete(s.identities, strings.ToLower(id))
		return
	}
	s.identities[strings.ToLower(id)] = i
}

// Throttle makes the next call fail with 429 and Retry-After.
func (s *Server) Throttle(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle = after
}

// Fail makes the next calls with a method fail.
func (s *Server) Fail(method string, times, status int, code, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[method] = &failure{times, status, code, message}
}

// SetLatency makes each call take at least so long.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// Disturb asks a function about each call from now on; nil ends that.
func (s *Server) Disturb(f func(*http.Request) Disturbance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disturb = f
}

// Unassign takes an identity from a scale set behind everybody's back.
func (s *Server) Unassign(setID, identity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.sets[strings.ToLower(setID)]
	delete(v.assigned, strings.ToLower(identity))
	s.touch(v)
}

// Assign puts an identity on a scale set, as somebody else would.
func (s *Server) Assign(setID, identity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.sets[strings.ToLower(setID)]
	v.assigned[strings.ToLower(identity)] = identity
	s.touch(v)
}

// Assigned returns the lower-case IDs of a scale set's identities in order.
func (s *Server) Assigned(setID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.sets[strings.ToLower(setID)].assigned))
}

// Calls returns the GETs and PATCHes so far, as "METHOD name".
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count returns how many calls were made with a method.
func (s *Server) Count(method string) int {
	n := 0
	for _, c := range s.Calls() {
		if strings.HasPrefix(c, method+" ") {
			n++
		}
	}
	return n
}

func (s *Server) touch(v *set) {
	s.etags++
	v.etag = fmt.Sprintf(`"%d"`, s.etags)
}

func (s *Server) resource(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
	latency, disturb := s.latency, s.disturb
	s.mu.Unlock()
	time.Sleep(latency)
	var wrong Disturbance
	if disturb != nil {
		wrong = disturb(r)
	}
	if wrong.Status == 0 && !wrong.HangUp {
		s.answer(w, r)
		return
	}
	if wrong.Late {
		s.answer(httptest.NewRecorder(), r)
	}
	if wrong.HangUp {
		panic(http.ErrAbortHandler)
	}
	if wrong.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wrong.RetryAfter.Seconds())))
	}
	fail(w, wrong.Status, wrong.Code, "disturbed by the test")
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer fake":
		fail(w, 401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
		return
	case r.URL.Query().Get("api-version") == "":
		fail(w, 400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
		return
	case s.throttle > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(s.throttle.Seconds())))
		s.throttle = 0
		fail(w, 429, "TooManyRequests", "The server rejected the request because too many requests have been received for this subscription.")
		return
	}
	if f := s.failures[r.Method]; f != nil && f.left > 0 {
		f.left--
		fail(w, f.status, f.code, f.message)
		return
	}
	v := s.sets[strings.ToLower(r.URL.Path)]
	if v == nil {
		fail(w, 404, "ResourceNotFound", "The Resource was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
		return
	}
	switch r.Method {
	case http.MethodGet:
		write(w, 200, s.document(v))
		if v.pending != nil {
			v.pending.step()
		}
	case http.MethodPatch:
		s.patch(w, r, v)
	default:
		fail(w, 405, "MethodNotAllowed", "The method is not allowed.")
	}
}

func (s *Server) pollOperation(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.operations[r.PathValue("id")]
	if o == nil {
		fail(w, 404, "NotFound", "no such operation")
		return
	}
	if !o.step() {
		write(w, 200, map[string]any{"status": "InProgress"})
		return
	}
	write(w, 200, map[string]any{"status": "Succeeded"})
}

// step brings an operation nearer to its end and reports whether it is there.
func (o *operation) step() bool {
	if o.remaining--; o.remaining > 0 {
		return false
	}
	if o.apply != nil {
		o.apply()
		o.apply = nil
	}
	return true
}

func (s *Server) document(v *set) map[string]any {
	doc := map[string]any{
		"id": v.id, "name": v.id[strings.LastIndex(v.id, "/")+1:], "location": "westeurope", "etag": v.etag,
		"type": typeOf(v.id), "properties": map[string]any{"provisioningState": "Succeeded"},
	}
	if v.pending != nil {
		doc["properties"] = map[string]any{"provisioningState": "Updating"}
	}
	entries := map[string]any{}
	for key, shown := range v.assigned {
		clientID := "00000000-0000-0000-0000-00000000dead" // assigned, then deleted
		if i := s.identities[key]; i != nil {
			clientID = i.ClientID
		}
		entries[shown] = map[string]string{"clientId": clientID, "principalId": "p"}
	}
	switch {
	case len(entries) > 0 && v.system:
		doc["identity"] = map[string]any{"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": entries}
	case len(entries) > 0:
		doc["identity"] = map[string]any{"type": "UserAssigned", "userAssignedIdentities": entries}
	case v.system:
		doc["identity"] = map[string]any{"type": "SystemAssigned"}
	}
	return doc
}

func typeOf(id string) string {
	parts := strings.Split(id, "/")
	return "Microsoft.Compute/" + parts[len(parts)-2]
}

func fail(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func write(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}
