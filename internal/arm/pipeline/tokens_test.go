package pipeline

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/tokens"
)

func TestEveryRefusalOfTheVerifierHasAnAnswer(t *testing.T) {
	expires := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		in   tokens.Error
		want BadToken
	}{
		{"invalid", tokens.Error{Kind: tokens.Invalid}, BadToken{Problem: InvalidToken}},
		{"not yet valid", tokens.Error{Kind: tokens.NotYetValid}, BadToken{Problem: InvalidToken}},
		{"expired", tokens.Error{Kind: tokens.Expired, Expires: expires}, BadToken{Problem: ExpiredToken, Expired: expires}},
		{"audience", tokens.Error{Kind: tokens.WrongAudience, Audience: "a"}, BadToken{Problem: WrongAudience, Audience: "a"}},
		{"tenant", tokens.Error{Kind: tokens.WrongTenant, Issuer: "i"}, BadToken{Problem: WrongTenant, Issuer: "i"}},
	} {
		var got *BadToken
		if !errors.As(problem(fmt.Errorf("verifying: %w", &c.in)), &got) {
			t.Errorf("%s: no BadToken", c.name)
			continue
		}
		if diff := cmp.Diff(c.want, *got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	ours := errors.New("the key store is down")
	if got := problem(ours); !errors.Is(got, ours) {
		t.Error("a failure of ours is blamed on the token")
	}
}
