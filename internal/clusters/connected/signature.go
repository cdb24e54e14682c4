package connected

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	// ErrUnknownKey is Signed's for a token that names a key that the set doesn't have: it is nobody's, or the set is old.
	ErrUnknownKey = errors.New("the token names a key that isn't known to be the cluster's")
	// ErrForged is Signed's for what isn't a token, or isn't signed by the key that it names.
	ErrForged = errors.New("the token isn't signed by the cluster")
	// ErrAnotherCluster is Prove's for a cluster that signs with other keys.
	ErrAnotherCluster = errors.New("its service account tokens aren't signed with the keys of the cluster that was connected")
)

// algorithms are those that API servers sign with.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}
}

// Signed checks the signature of a service account's token by a key set as Facts has it, and returns what the token says. It
// looks at nothing else: not at its time, nor at whom it is for.
func Signed(keys []byte, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, ErrForged
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(keys, &set); err != nil {
		return nil, fmt.Errorf("reading the keys of the cluster's tokens: %w", err)
	}
	of := set.Key(signed.Signatures[0].Protected.KeyID)
	if len(of) == 0 {
		return nil, ErrUnknownKey
	}
	for _, key := range of {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, ErrForged
}

// The account that proves which cluster answers. Only who may make tokens in kube-system, an administrator, gets one of it:
// a pod elsewhere can have one for any audience, but not of this account.
const (
	provingAccount = "default"
	provingSubject = "system:serviceaccount:" + metav1.NamespaceSystem + ":" + provingAccount
	provingSeconds = 600 // the least there is
)

// Prove asks for a token that only the cluster with these keys can make, and only now. What a cluster says of itself, as the
// UID of its namespace kube-system, another one can say as well.
func (from Clusters) Prove(ctx context.Context, k Kubeconfig, keys []byte) error {
	return from.in(ctx, k, func(ctx context.Context, c conversation) error {
		audience, seconds := "lanyard:"+rand.Text(), int64(provingSeconds)
		made, err := c.CoreV1().ServiceAccounts(metav1.NamespaceSystem).CreateToken(ctx, provingAccount, &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: &seconds},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking for a token of %s: %w", provingSubject, err)
		}
		payload, err := Signed(keys, made.Status.Token)
		if err != nil {
			return ErrAnotherCluster
		}
		var claims struct {
			Subject  string   `json:"sub"`
			Audience []string `json:"aud"`
		}
		if err := json.Unmarshal(payload, &claims); err != nil || claims.Subject != provingSubject || len(claims.Audience) != 1 || claims.Audience[0] != audience {
			return ErrAnotherCluster
		}
		return nil
	})
}
