package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/dataplane"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	accountType   = "Microsoft.Storage/storageAccounts"
	serviceType   = accountType + "/blobServices"
	containerType = serviceType + "/containers"
	blobType      = containerType + "/blobs"

	// oldest is the first version of the protocol that takes tokens.
	oldest = "2017-11-09"
	// patience bounds one upload or download.
	patience = time.Hour
)

// Accounts are the storage accounts and their containers. *storage.Provider is one.
type Accounts interface {
	// Account finds an account by its name, nil if there is none.
	Account(ctx context.Context, name string) (*resource.Resource, error)
	MakeContainer(ctx context.Context, by providers.Caller, account armid.ID, name string) (made *resource.Resource, err error)
}

// Service is the Blob service of all accounts. All fields are required.
type Service struct {
	Accounts  Accounts
	Resources providers.Resources
	State     *store.Store
	Gate      dataplane.Gate
	// Dir is the folder of the content.
	Dir string
	// Origin is where callers without a token are sent.
	Origin string
	Clock  clock.Clock
	Log    *slog.Logger
}

// call is one request on its way.
type call struct {
	*http.Request
	query   url.Values
	account *resource.Resource
	caller  providers.Caller
	// container and name are what the path says; empty where it ends before.
	container, name string
	box             box
}

// ServeHTTP implements http.Handler for the hosts of all accounts.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
	header.Set("x-ms-version", r.Header.Get("x-ms-version"))
	if id := r.Header.Get("x-ms-client-request-id"); id != "" && len(id) <= 1024 {
		header.Set("x-ms-client-request-id", id)
	}
	if err := s.serve(w, r); err != nil {
		s.write(w, r, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) error {
	c := &call{Request: r, query: r.URL.Query()}
	var err error
	name := dataplane.FirstLabel(r.Host)
	if c.account, err = s.Accounts.Account(r.Context(), name); err != nil {
		return err
	}
	if c.account == nil {
		return fail(http.StatusNotFound, "ResourceNotFound", "The specified resource does not exist. There is no storage account "+name+".")
	}
	if err := s.enter(c, name); err != nil {
		return err
	}
	// What is large takes longer than ARM's calls may. Who isn't known has no more time than there.
	control, until := http.NewResponseController(w), time.Now().Add(patience)
	if err := errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until)); err != nil {
		s.Log.DebugContext(r.Context(), "a connection's deadlines can't be moved", "error", err)
	}
	if version := r.Header.Get("x-ms-version"); version < oldest || len(version) != len(oldest) {
		return invalidHeader("x-ms-version", version)
	}
	// The path is split before it is decoded: a blob's name may have encoded slashes.
	container, blobName, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	var bad error
	if c.container, err = url.PathUnescape(container); err != nil {
		bad = err
	}
	if c.name, err = url.PathUnescape(blobName); err != nil {
		bad = err
	}
	if bad != nil || len(c.name) > 1024 || strings.ContainsAny(c.name, "\x00\x7f") || strings.ContainsAny(c.container, "/%") {
		return fail(http.StatusBadRequest, "InvalidUri", "The requested URI does not represent any resource on the server.")
	}
	switch {
	case c.container == "":
		return s.serveAccount(w, c)
	case c.name == "":
		return s.serveContainer(w, c)
	}
	return s.serveBlob(w, c)
}

// enter proves who calls.
func (s *Service) enter(c *call, account string) error {
	authority := s.Origin
	if tenant, ok := s.Gate.TenantOf(c.account.ID.Subscription()); ok {
		authority += "/" + tenant.ID
	}
	bearer := dataplane.Bearer(c.Request)
	if bearer == "" {
		authorization := c.Header.Get("Authorization")
		if c.query.Has("sig") {
			authorization = "a signature"
		}
		return unproven(authority, authorization, nil, s.Clock.Now())
	}
	var err error
	c.caller, err = s.Gate.Enter(c.Context(), bearer, c.account.ID, "https://storage.azure.com", "https://"+account+".blob.core.windows.net", "e406a681-f3d4-42a8-90b6-c2b029497af1")
	var bad *pipeline.BadToken
	if errors.As(err, &bad) {
		return unproven(authority, "", bad, s.Clock.Now())
	}
	return err
}

func (s *Service) serviceID(c *call) armid.ID { return c.account.ID.Child("blobServices", "default") }

func (s *Service) containerID(c *call) armid.ID {
	return s.serviceID(c).Child("containers", c.container)
}

// may decides about the data of the call's container.
func (s *Service) may(c *call, verb string) error {
	attributes := rbac.AttributeSet{}
	attributes.Set(condition.Resource, accountType+":name", c.account.ID.Name())
	attributes.Set(condition.Resource, containerType+":name", c.container)
	if c.name != "" {
		attributes.Set(condition.Resource, blobType+":path", c.name)
	} else if prefix := c.query.Get("prefix"); prefix != "" {
		attributes.Set(condition.Request, blobType+":prefix", prefix)
	}
	if !s.Gate.May(c.caller, blobType+"/"+verb, s.containerID(c), attributes) {
		return notAllowed()
	}
	return nil
}

// mayManage decides about the container itself, or about the account's containers.
func (s *Service) mayManage(c *call, verb string) error {
	scope := s.serviceID(c)
	if c.container != "" {
		scope = s.containerID(c)
	}
	if !s.Gate.MayManage(c.caller, containerType+"/"+verb, scope) {
		return notAllowed()
	}
	return nil
}

// enterContainer finds the call's container; rights come before, so that nobody
// learns of containers that he may not look into.
func (s *Service) enterContainer(c *call) (*resource.Resource, error) {
	found, err := s.Resources.Get(c.Context(), s.containerID(c))
	if rest.IsNotFound(err) {
		return nil, containerNotFound()
	}
	if err != nil {
		return nil, err
	}
	c.box = boxOf(found)
	return found, nil
}

// boxOf names the content of a container.
func boxOf(container *resource.Resource) box {
	sum := sha256.Sum256([]byte(container.ID.Key() + "\n" + container.SystemData.CreatedAt.UTC().Format(time.RFC3339Nano)))
	return box(hex.EncodeToString(sum[:12]))
}
