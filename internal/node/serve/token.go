package serve

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/notice"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

// refusal is an answer that ends a token request.
type refusal struct {
	result Result
	answer *imds.Error
	reason string
}

func refuse(result Result, answer *imds.Error, reason string) *refusal {
	return &refusal{result: result, answer: answer, reason: reason}
}

// token answers a token request. It decides, fetches, and decides again if anything changed while it fetched.
func (p *Proven) token(ctx context.Context, w http.ResponseWriter, note *record, request imds.Request) {
	note.query = request.Token
	deadline := p.Clock.Now().Add(p.Patience)
	for {
		since := p.changes()
		decision, refused := p.decide(ctx, note, request.Token.Selector, deadline)
		if refused != nil {
			p.refuse(w, note, refused)
			return
		}
		token, result, refused := p.fetch(ctx, note, decision, request.Token)
		if refused != nil {
			p.refuse(w, note, refused)
			return
		}
		if !p.Prover.Still(note.from.origin, note.sandbox) {
			w.Header().Set("Connection", "close")
			note.fail(w, ResultGone, imds.Forbidden("The caller could not be proven"), "the pod went away meanwhile")
			return
		}
		if since.any() {
			request.Token.BypassCache = false
			continue // what was decided may no longer hold; the token is in the cache now
		}
		p.served.add(note.sandbox.UID)
		note.clientID = token.ClientID
		if decision.Outcome == grant.Node {
			note.reason = decision.Reason
		}
		p.write(w, note, result, imds.ContentTypeJSON, p.response(token, request.Token).Encode())
		return
	}
}

// refuse answers, and tells the pod's owner if he can do something about it.
func (p *Proven) refuse(w http.ResponseWriter, note *record, refused *refusal) {
	note.fail(w, refused.result, refused.answer, refused.reason)
	reason := ""
	switch refused.result {
	case ResultNotEntitled:
		reason = "IdentityNotBound"
	case ResultAmbiguous:
		reason = "IdentityAmbiguous"
	case ResultWaited:
		reason = "IdentityNotReady"
	default:
		return
	}
	p.Tell(notice.Pod{UID: note.sandbox.UID, Namespace: note.sandbox.Namespace, Name: note.sandbox.Name}, reason,
		"No token for the pod: "+refused.reason)
}

// stale refuses a pod that hasn't been served while what it may have could have changed long ago.
func (p *Proven) stale(note *record) *refusal {
	if p.Fresh() || p.served.has(note.sandbox.UID) {
		return nil
	}
	const comeBack, reason = 10 * time.Second, "the API server has not been heard for too long to serve new callers"
	return refuse(ResultStale, imds.Unavailable("What the pod may have is not known at the moment, try again: "+reason, comeBack), reason)
}

// decide waits, until the deadline or for as long as the client does, for a decision other than to wait.
func (p *Proven) decide(ctx context.Context, note *record, selector imds.Selector, deadline time.Time) (grant.Decision, *refusal) {
	for {
		since := p.changes()
		decision := p.look(note, selector)
		switch {
		case decision.Outcome == grant.Wait:
			if refused := p.await(ctx, note.sandbox.UID, since, deadline, decision); refused != nil {
				return decision, refused
			}
		case decision.Outcome != grant.Refuse:
			return decision, p.stale(note)
		case decision.Ambiguous:
			return decision, refuse(ResultAmbiguous, imds.Ambiguous(), decision.Reason)
		default:
			return decision, refuse(ResultNotEntitled, imds.NotFound(decision.Reason), decision.Reason)
		}
	}
}

// look decides on what is known now.
func (p *Proven) look(note *record, selector imds.Selector) grant.Decision {
	sandbox := note.sandbox
	fact, known := p.Facts.Get(sandbox.UID)
	if !known || !p.Assignments.Synced() || !p.Exceptions.Synced() {
		return grant.Decide(grant.Pod{Namespace: sandbox.Namespace, Name: sandbox.Name}, nil, selector, p.Policy)
	}
	note.account = fact.ServiceAccount
	pod := grant.Pod{
		Namespace: sandbox.Namespace, Name: sandbox.Name, ServiceAccount: fact.ServiceAccount, Label: fact.Label,
		Age: p.Clock.Since(fact.Created), Known: true, Served: p.served.has(sandbox.UID),
		Exception: p.Exceptions.Of(sandbox.Namespace, fact.Labels),
	}
	return grant.Decide(pod, p.Assignments.Of(pod), selector, p.Policy)
}

// await returns when it is time to decide again, or with the answer to give up with.
func (p *Proven) await(ctx context.Context, uid string, since changes, deadline time.Time, decision grant.Decision) *refusal {
	reason := decision.Reason
	done, ok := p.limits.wait(uid)
	if !ok {
		return refuse(ResultLimited, imds.TooMany(time.Second), "too many requests of the pod wait")
	}
	defer done()
	p.Metrics.waiting.Inc()
	defer p.Metrics.waiting.Dec()
	patience := deadline.Sub(p.Clock.Now())
	settled := decision.For > 0 && decision.For < patience // waiting ends before patience does
	if settled {
		patience = decision.For
	}
	timeout := p.Clock.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-since.facts:
		return nil
	case <-since.assignments:
		return nil
	case <-since.exceptions:
		return nil
	case <-timeout.C():
		if settled {
			return nil
		}
		const comeBack = 5 * time.Second
		return refuse(ResultWaited, imds.Unavailable("The identity is being assigned, try again: "+reason, comeBack), reason)
	case <-ctx.Done():
		return refuse(ResultGone, imds.Unavailable("The client left", time.Second), "the client left while waiting: "+reason)
	}
}

// fetch gets the token that a decision allows.
func (p *Proven) fetch(ctx context.Context, note *record, decision grant.Decision, query imds.TokenQuery) (tokencache.Token, Result, *refusal) {
	switch decision.Outcome {
	case grant.Grant:
		token, refused := p.identity(ctx, note, decision.Identity, query)
		return token, ResultToken, refused
	case grant.Node:
		token, err := p.cached(ctx, note, nodeKey(query), query, p.Keep, func(ctx context.Context, fresh bool) (tokencache.Token, error) {
			return p.Source.Token(ctx, query.Selector, query.Resource, fresh)
		})
		if err != nil {
			return token, ResultSource, sourceRefusal(err)
		}
		return token, ResultNodeToken, nil
	case grant.Match:
		for _, candidate := range decision.Candidates {
			token, refused := p.identity(ctx, note, candidate, query)
			if refused != nil {
				return token, refused.result, refused
			}
			if strings.EqualFold(token.ObjectID, query.Selector.Value) {
				return token, ResultToken, nil
			}
		}
	case grant.Refuse, grant.Wait: // decide gives neither
	}
	const reason = "the requested identity is not assigned to the pod"
	return tokencache.Token{}, ResultNotEntitled, refuse(ResultNotEntitled, imds.NotFound(reason), reason)
}

// identity gets a token for an assigned identity. The node is asked by resource ID, which is what the controller put on
// it; the client ID in the answer has to be the one that the AzureIdentity claims. Otherwise whoever may write an
// AzureIdentity could name any client ID on the node and wear it.
func (p *Proven) identity(ctx context.Context, note *record, identity grant.Identity, query imds.TokenQuery) (tokencache.Token, *refusal) {
	key := tokencache.Key{Identity: identity.Key(), Resource: query.Resource}
	keep, fetch := p.Keep, func(ctx context.Context, fresh bool) (tokencache.Token, error) {
		return p.Source.Token(ctx, imds.Selector{Kind: imds.SelectResourceID, Value: identity.ResourceID}, query.Resource, fresh)
	}
	if identity.Kind != grant.KindManagedIdentity {
		keep = 0 // mic remembers no token: each is a new sign-in
		key.Account, fetch = brokered(p.Broker, note, identity, query.Resource)
	}
	token, err := p.cached(ctx, note, key, query, keep, fetch)
	if err != nil {
		var answer *imds.Error
		if errors.As(err, &answer) && identity.Kind != grant.KindManagedIdentity && answer.Status == http.StatusBadRequest {
			return token, refuse(ResultNotEntitled, answer, err.Error()) // mic says what its author has to do
		}
		if errors.As(err, &answer) && strings.HasPrefix(answer.Description, imds.IdentityNotFound) {
			// assigned, but the node's service hasn't heard of it, which takes it a while
			const comeBack = 5 * time.Second
			reason := "the node's metadata service does not know the identity yet"
			return token, refuse(ResultWaited, imds.Unavailable("The identity is being assigned, try again: "+reason, comeBack), reason)
		}
		return token, sourceRefusal(err)
	}
	if !strings.EqualFold(token.ClientID, identity.ClientID) {
		reason := "the AzureIdentity's clientID is not the client ID of its resourceID"
		return token, refuse(ResultNotEntitled, imds.NotFound(reason), reason)
	}
	return token, nil
}

// cached gets a token from memory, or from its source on the pod's account.
func (p *Proven) cached(
	ctx context.Context, note *record, key tokencache.Key, query imds.TokenQuery, keep time.Duration, fetch tokencache.Fetch,
) (tokencache.Token, error) {
	return p.Cache.Get(ctx, tokencache.Request{Key: key, Owner: note.sandbox.UID, Fresh: query.BypassCache, Keep: keep, Fetch: fetch})
}

// sourceRefusal gives the client the source's answer; what isn't one stays in the log.
func sourceRefusal(err error) *refusal {
	var answer *imds.Error
	if !errors.As(err, &answer) {
		answer = imds.Unavailable("The token could not be fetched, try again", time.Second)
	}
	return refuse(ResultSource, answer, err.Error())
}

// nodeKey is the cache's name for the node's own identity, as the request selects it.
func nodeKey(query imds.TokenQuery) tokencache.Key {
	return tokencache.Key{
		Identity: "node " + query.Selector.Parameter() + " " + strings.ToLower(query.Selector.Value), Resource: query.Resource,
	}
}

func (p *Proven) response(token tokencache.Token, query imds.TokenQuery) imds.TokenResponse {
	response := imds.TokenResponse{
		AccessToken: token.Access, ClientID: token.ClientID, ExpiresIn: token.ExpiresOn.Sub(p.Clock.Now()),
		ExpiresOn: token.ExpiresOn, ExtExpiresIn: token.ExtExpiresIn, NotBefore: token.NotBefore,
		Resource: query.Resource, TokenType: token.Type,
	}
	switch query.Selector.Kind {
	case imds.SelectObjectID:
		response.ObjectID = query.Selector.Value
	case imds.SelectResourceID:
		response.ResourceID = query.Selector.Value
	case imds.SelectNone, imds.SelectClientID:
	}
	return response
}

// changes are taken before looking, so that none slips through.
type changes struct{ facts, assignments, exceptions <-chan struct{} }

func (p *Proven) changes() changes {
	return changes{p.Facts.Changed(), p.Assignments.Changed(), p.Exceptions.Changed()}
}

// any reports whether something has changed since.
func (c changes) any() bool {
	select {
	case <-c.facts:
	case <-c.assignments:
	case <-c.exceptions:
	default:
		return false
	}
	return true
}
