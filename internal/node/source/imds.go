package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

const (
	identityVersion = "2018-02-01"
	tokenPath       = "/metadata/identity/oauth2/token"
	maxBody         = 256 << 10
	tries           = 4
	firstPause      = 100 * time.Millisecond
	maxPause        = 2 * time.Second
	// the service serves five requests of the identity category at a time; documents don't take those from tokens
	concurrency = 5
	documents   = 2
)

// IMDS is the node's metadata service.
type IMDS struct {
	endpoint string
	client   *http.Client
	clock    clock.Clock
	slots    chan struct{} // of the identity category
	others   chan struct{}
	observe  func(status int)
	// tokenFile is for a service that wants to know who asks; "" for the node's own.
	tokenFile string
}

// NewIMDS prepares a client for the service at an endpoint ("http://169.254.169.254:80"). observe, if not nil, is told
// the status of each answer, 0 for none.
func NewIMDS(endpoint string, clk clock.Clock, observe func(status int)) *IMDS {
	if observe == nil {
		observe = func(int) {}
	}
	return &IMDS{
		endpoint: strings.TrimSuffix(endpoint, "/"),
		client: &http.Client{
			Transport: &http.Transport{
				Proxy:                 nil, // a proxy must never see the request, whatever the environment says
				DialContext:           (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
				ResponseHeaderTimeout: 10 * time.Second,
				MaxIdleConnsPerHost:   concurrency + documents,
				IdleConnTimeout:       time.Minute,
				DisableCompression:    true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		clock:   clk,
		slots:   make(chan struct{}, concurrency),
		others:  make(chan struct{}, documents),
		observe: observe,
	}
}

// Token gets a token for the identity that the selector names; fresh asks for another one than the service remembers. An answer of
// the service other than a token is an *imds.Error.
func (s *IMDS) Token(ctx context.Context, selector imds.Selector, resource string, fresh bool) (tokencache.Token, error) {
	query := url.Values{"api-version": {identityVersion}, "resource": {resource}}
	if fresh {
		query.Set("bypass_cache", "true")
	}
	if selector.Kind != imds.SelectNone {
		query.Set(selector.Parameter(), selector.Value)
	}
	answer, err := s.ask(ctx, tokenPath, query)
	if err != nil {
		return tokencache.Token{}, err
	}
	document, err := imds.DecodeToken(answer.body)
	if err != nil {
		return tokencache.Token{}, err
	}
	claims := readClaims(document.AccessToken)
	token := tokencache.Token{
		Access:       document.AccessToken,
		Type:         document.TokenType,
		ClientID:     document.ClientID,
		ObjectID:     claims.ObjectID,
		NotBefore:    document.NotBefore,
		ExpiresOn:    document.ExpiresOn,
		ExtExpiresIn: document.ExtExpiresIn,
	}
	if token.ClientID == "" {
		token.ClientID = claims.ClientID
	}
	return token, nil
}

// Document is an answer that isn't a token.
type Document struct {
	Body []byte
	Text bool // plain text, else JSON
}

// Instance gets a document of the instance category, by the path and parameters of a parsed request.
func (s *IMDS) Instance(ctx context.Context, request imds.Request) (Document, error) {
	query := url.Values{"api-version": {request.APIVersion}, "format": {request.Format}}
	return s.document(ctx, request.Path, query)
}

// Info gets /metadata/identity/info.
func (s *IMDS) Info(ctx context.Context) (Document, error) {
	return s.document(ctx, "/metadata/identity/info", url.Values{"api-version": {identityVersion}})
}

func (s *IMDS) document(ctx context.Context, path string, query url.Values) (Document, error) {
	answer, err := s.ask(ctx, path, query)
	if err != nil {
		return Document{}, err
	}
	isJSON := json.Valid(answer.body)
	if query.Get("format") != "text" && !isJSON {
		return Document{}, errors.New("the node's metadata service gave a document that is not JSON")
	}
	return Document{Body: answer.body, Text: query.Get("format") == "text"}, nil
}

type answer struct {
	status int
	after  time.Duration
	body   []byte
}

// ask repeats a request as the service's documentation says: not found, gone, too many requests and server errors are
// passing troubles.
func (s *IMDS) ask(ctx context.Context, path string, query url.Values) (answer, error) {
	pause := firstPause
	for try := 1; ; try++ {
		a, err := s.once(ctx, path, query)
		if err == nil && a.status == http.StatusOK {
			return a, nil
		}
		passing := err != nil || a.status == http.StatusGone || a.status == http.StatusTooManyRequests || a.status >= 500 ||
			a.status == http.StatusNotFound && path == tokenPath
		wait := max(pause/2+rand.N(pause), a.after) //nolint:gosec // jitter
		if !passing || try == tries || wait > maxPause {
			return answer{}, failure(a, err)
		}
		select {
		case <-s.clock.After(wait):
		case <-ctx.Done():
			return answer{}, failure(a, err)
		}
		pause *= 3
	}
}

func (s *IMDS) once(ctx context.Context, path string, query url.Values) (answer, error) {
	slots := s.slots
	if path != tokenPath {
		slots = s.others
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return answer{}, fmt.Errorf("waiting for the node's metadata service: %w", ctx.Err())
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint+path+"?"+query.Encode(), nil)
	if err != nil {
		return answer{}, fmt.Errorf("making a request: %w", err)
	}
	request.Header.Set("Metadata", "true")
	request.Header.Set("User-Agent", "lanyard-nmi")
	if err := s.prove(request); err != nil {
		return answer{}, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.observe(0)
		return answer{}, fmt.Errorf("asking the node's metadata service: %w", err)
	}
	defer response.Body.Close()
	s.observe(response.StatusCode)
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer of the node's metadata service: %w", err)
	}
	if len(body) > maxBody {
		return answer{}, errors.New("the answer of the node's metadata service is too long")
	}
	a := answer{status: response.StatusCode, body: body}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		a.after = time.Duration(seconds) * time.Second
	}
	return a, nil
}
