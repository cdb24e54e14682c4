package lab_test

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// metadata plays the node's metadata service and notes who reached it.
type metadata struct {
	mu         sync.Mutex
	reached    []string // source addresses of all requests
	tokens     int
	identities map[string]identity // by lower-case resource ID
	lifetime   time.Duration
	key        int   // signs tokens
	bypassed   []int // for which keys the service's memory was to be bypassed
	broken     bool
	trouble    http.HandlerFunc
}

type identity struct{ name, clientID, objectID string }

func (i identity) resourceID() string {
	return "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + i.name
}

func newMetadata(t testing.TB, vnet *namespace) *metadata {
	m := &metadata{identities: map[string]identity{}, lifetime: time.Hour}
	var listener net.Listener
	vnet.do(func() {
		var err error
		listener, err = net.Listen("tcp4", metadataIP+":80")
		vnet.must(err, "listening as the metadata service")
	})
	if t.Failed() {
		t.FailNow()
	}
	server := &http.Server{Handler: m, ReadHeaderTimeout: 10 * patience}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

// attach puts an identity on the node.
func (m *metadata) attach(i identity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.identities[strings.ToLower(i.resourceID())] = i
}

func (m *metadata) setBroken(broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = broken
}

// rotate takes the key out of use that signs tokens: those that there are will be refused.
func (m *metadata) rotate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.key++
}

// setTrouble lets something else answer; nil ends it.
func (m *metadata) setTrouble(trouble http.HandlerFunc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = trouble
}

// visitors gives the addresses from which requests came, other than the node's.
func (m *metadata) visitors() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var strangers []string
	for _, address := range m.reached {
		if address != nodeIP {
			strangers = append(strangers, address)
		}
	}
	return strangers
}

func (m *metadata) reachedByNodeOnly() bool { return len(m.visitors()) == 0 }

func (m *metadata) forgetVisitors() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = nil
}

func (m *metadata) visits() (requests, tokens int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.reached), m.tokens
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	m.mu.Lock()
	m.reached = append(m.reached, host)
	trouble := m.trouble
	m.mu.Unlock()
	if trouble != nil {
		trouble(w, r)
		return
	}
	m.answer(w, r)
}

func (m *metadata) answer(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	request, e := imds.Rules{}.Parse(r)
	if e != nil {
		e.Render(w)
		return
	}
	switch request.Route {
	case imds.RouteToken:
		m.token(w, request.Token)
	case imds.RouteInstance:
		body, contentType, e := imds.Select(imds.Instance{Compute: imds.Compute{Name: "aks-node-0"}}, request)
		if e != nil {
			e.Render(w)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	case imds.RouteIdentityInfo:
		_, _ = w.Write([]byte(`{"tenantId":"tenant"}`))
	case imds.RouteVersions:
		_, _ = w.Write(imds.VersionsBody())
	}
}

func (m *metadata) token(w http.ResponseWriter, query imds.TokenQuery) {
	found := identity{name: "the-node", clientID: "node-client", objectID: "node-object"}
	if selector := query.Selector; selector.Kind != imds.SelectNone {
		ok := false
		for resourceID, i := range m.identities {
			switch selector.Kind {
			case imds.SelectResourceID:
				ok = strings.EqualFold(resourceID, selector.Value)
			case imds.SelectClientID:
				ok = strings.EqualFold(i.clientID, selector.Value)
			default:
			}
			if ok {
				found = i
				break
			}
		}
		if !ok {
			imds.NotFound("").Render(w)
			return
		}
	}
	m.tokens++
	if query.BypassCache {
		m.bypassed = append(m.bypassed, m.key)
	}
	claims, _ := json.Marshal(map[string]any{"oid": found.objectID, "appid": found.clientID, "name": found.name, "aud": query.Resource, "key": m.key})
	now := time.Now()
	_, _ = w.Write(imds.TokenResponse{
		AccessToken: secret.New("e30." + base64.RawURLEncoding.EncodeToString(claims) + ".sig"), ClientID: found.clientID,
		ExpiresIn: m.lifetime, ExpiresOn: now.Add(m.lifetime), NotBefore: now, Resource: query.Resource, TokenType: "Bearer",
	}.Encode())
}
