package rest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

func TestErrorDocuments(t *testing.T) {
	e := rest.MissingSubscriptionRegistration("A.B").WithTarget("x")
	flat := *e
	flat.Flat = true
	for want, in := range map[string]*rest.Error{
		`{"error":{"code":"MissingSubscriptionRegistration","message":"The subscription`: e,
		`{"code":"MissingSubscriptionRegistration","message":"The subscription`:          &flat,
	} {
		raw, err := json.Marshal(in)
		if err != nil || !strings.HasPrefix(string(raw), want) || !strings.Contains(string(raw), `"details":[{"code":`) || !strings.Contains(string(raw), `"target":"x"`) {
			t.Errorf("%s %v", raw, err)
		}
	}
	if rest.AsError(fmt.Errorf("wrapping: %w", e)) != e {
		t.Error("a wrapped error isn't found")
	}
}

func TestOurFailuresTellNothing(t *testing.T) {
	answer := rest.AsError(errors.New("open /root/master.key: permission denied"))
	if answer.Status != 500 || strings.Contains(answer.Message, "master.key") {
		t.Errorf("%+v", answer)
	}
}

func TestHeadersAreNotShared(t *testing.T) {
	base := rest.OK(nil).With("A", "1")
	one, two := base.With("B", "1"), base.With("B", "2")
	if one.Header.Get("B") != "1" || two.Header.Get("B") != "2" || base.Header.Get("B") != "" {
		t.Error("responses share a header")
	}
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", 1500 * time.Millisecond: "2", 10 * time.Second: "10"} {
		if got := rest.RetryAfter(wait); got != want {
			t.Errorf("%v: %s", wait, got)
		}
	}
}
