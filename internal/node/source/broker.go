package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Announcements reads the ConfigMap in which mic's replicas say where they are.
type Announcements func(ctx context.Context) (data map[string]string, err error)

// Broker gets tokens of identities that aren't the node's from mic, which alone may read their secrets and mint for pods.
type Broker struct {
	read      Announcements
	tokenFile string
	clock     clock.PassiveClock

	reads singleflight.Group

	mu       sync.Mutex
	replicas []*replica
	readAt   time.Time
}

// replica is one mic, and the connections to it.
type replica struct {
	brokerapi.Announcement
	client  *http.Client // for tokens
	streams *http.Client // for what goes on, all on one connection
}

// NewBroker prepares a client. The token file holds the agent's service account token for the broker; kubelet renews it.
func NewBroker(read Announcements, tokenFile string, clk clock.PassiveClock) *Broker {
	return &Broker{read: read, tokenFile: tokenFile, clock: clk}
}

// Token gets a token for a pod's identity. A refusal that the pod's owner should see is an *imds.Error.
func (b *Broker) Token(ctx context.Context, request brokerapi.Request) (tokencache.Token, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return tokencache.Token{}, fmt.Errorf("writing a request to the broker: %w", err)
	}
	account, err := b.account()
	if err != nil {
		return tokencache.Token{}, err
	}
	var failed error
	for _, again := range []bool{false, true} {
		replicas, err := b.known(ctx, again)
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
		for _, at := range rand.Perm(len(replicas)) {
			token, err := b.ask(ctx, replicas[at], account, body)
			var answer *imds.Error
			if err == nil || errors.As(err, &answer) {
				return token, err
			}
			failed = errors.Join(failed, err)
		}
	}
	if failed == nil {
		failed = errors.New("no broker is announced")
	}
	return tokencache.Token{}, fmt.Errorf("%w: %w", imds.Unavailable("mic, which gets the token of this identity, can't be reached", comeBack), failed)
}

// account reads the token that says who asks; kubelet renews it.
func (b *Broker) account() (secret.String, error) {
	content, err := os.ReadFile(b.tokenFile)
	if err != nil {
		return secret.String{}, fmt.Errorf("reading the token for the broker: %w", err)
	}
	return secret.New(strings.TrimSpace(string(content))), nil
}

// known gives the replicas; again reads them anew, at most every moment. One read is under way at a time, and those who know
// replicas don't wait for it.
func (b *Broker) known(ctx context.Context, again bool) ([]*replica, error) {
	b.mu.Lock()
	known, readAt := b.replicas, b.readAt
	b.mu.Unlock()
	const moment = time.Second
	if len(known) > 0 && (!again || b.clock.Since(readAt) < moment) {
		return known, nil
	}
	const longest = 5 * time.Second
	read := b.reads.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest) // others may be waiting too
		defer cancel()
		return b.announced(ctx)
	})
	select {
	case result := <-read:
		replicas, _ := result.Val.([]*replica)
		return replicas, result.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("reading where the broker is: %w", ctx.Err())
	}
}

// announced reads who is there, and keeps the connections to those who stay.
func (b *Broker) announced(ctx context.Context) ([]*replica, error) {
	data, err := b.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading where the broker is: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.replicas
	b.replicas, b.readAt = nil, b.clock.Now()
	for _, value := range data {
		var a brokerapi.Announcement
		if json.Unmarshal([]byte(value), &a) != nil {
			continue
		}
		if r := same(old, a); r != nil {
			b.replicas = append(b.replicas, r)
		} else if r, ok := newReplica(a); ok {
			b.replicas = append(b.replicas, r)
		}
	}
	for _, r := range old {
		if same(b.replicas, r.Announcement) == nil {
			r.client.CloseIdleConnections()
			r.streams.CloseIdleConnections()
		}
	}
	return b.replicas, nil
}

func same(list []*replica, a brokerapi.Announcement) *replica {
	for _, r := range list {
		if r.Announcement == a {
			return r
		}
	}
	return nil
}

func newReplica(a brokerapi.Announcement) (*replica, bool) {
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(a.Certificate)) || a.Address == "" {
		return nil, false
	}
	transport := func() *http.Transport {
		return &http.Transport{
			Proxy:           nil,
			DialContext:     (&net.Dialer{Timeout: time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: trusted, ServerName: brokerapi.ServerName},
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 2 * time.Second, DisableCompression: true,
			MaxConnsPerHost: brokerapi.ConnectionsPerNode, MaxIdleConnsPerHost: brokerapi.ConnectionsPerNode,
		}
	}
	streams := transport()
	streams.ForceAttemptHTTP2, streams.ResponseHeaderTimeout = true, brokerapi.LongestAnswer+time.Second
	streams.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second} // a dead one is noticed
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &replica{
		Announcement: a,
		client:       &http.Client{Transport: transport(), CheckRedirect: stay},
		streams:      &http.Client{Transport: streams, CheckRedirect: stay},
	}, true
}

// ask asks one replica, and leaves time for another: one that accepts and is silent must not be the only one asked.
func (b *Broker) ask(ctx context.Context, r *replica, account secret.String, body []byte) (tokencache.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, brokerapi.LongestAnswer+time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+r.Address+brokerapi.TokenPath, bytes.NewReader(body))
	if err != nil {
		return tokencache.Token{}, fmt.Errorf("making a request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+account.Reveal())
	request.Header.Set("Content-Type", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return tokencache.Token{}, fmt.Errorf("asking the broker: %w", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return tokencache.Token{}, fmt.Errorf("reading the broker's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return tokencache.Token{}, brokerRefusal(content)
	}
	var answer struct {
		AccessToken secret.String `json:"accessToken"`
		ClientID    string        `json:"clientID"`
		ExpiresOn   int64         `json:"expiresOn"`
	}
	if json.Unmarshal(content, &answer) != nil || answer.AccessToken.IsZero() {
		return tokencache.Token{}, errors.New("the broker gave no token")
	}
	now, expires := b.clock.Now(), time.Unix(answer.ExpiresOn, 0)
	return tokencache.Token{
		Access: answer.AccessToken, Type: "Bearer", ClientID: answer.ClientID, ObjectID: readClaims(answer.AccessToken).ObjectID,
		NotBefore: now, ExpiresOn: expires, ExtExpiresIn: expires.Sub(now),
	}, nil
}

// brokerRefusal is what a pod is told. What another try could change is no *imds.Error, so that another replica is asked.
func brokerRefusal(content []byte) error {
	var refusal brokerapi.Refusal
	if json.Unmarshal(content, &refusal) != nil {
		return errors.New("the broker's answer can't be read")
	}
	switch message := clip(refusal.Message); refusal.Code {
	case brokerapi.CodeNotEntitled, brokerapi.CodeMisconfigured:
		return imds.NotFound(message)
	case brokerapi.CodeRefused:
		if strings.Contains(message, "AADSTS500011") || strings.Contains(message, "AADSTS50001:") {
			return imds.InvalidResource(message)
		}
		return &imds.Error{Status: http.StatusBadRequest, Code: imds.CodeInvalidRequest, Description: message}
	case brokerapi.CodeUnknownPod:
		return fmt.Errorf("the broker: %s", message)
	default:
		return fmt.Errorf("the broker answered %s: %s", clip(refusal.Code), message)
	}
}
