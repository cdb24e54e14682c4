package registration_test

import (
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/providers/registration"
)

// TestStatesOverTime walks a feature, which nobody has registered at first, and a
// provider, which is registered until somebody ends that, through their lives.
func TestStatesOverTime(t *testing.T) {
	const takes = time.Minute
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	steps := []struct {
		after             time.Duration
		do                string
		feature, provider string
	}{
		{0, "", registration.NotRegistered, registration.Registered},
		{0, "unregister", registration.NotRegistered, registration.Unregistering},
		{time.Minute, "", registration.NotRegistered, registration.Unregistered},
		{0, "register", registration.Registering, registration.Registering},
		{59 * time.Second, "register", registration.Registering, registration.Registering},
		{time.Second, "", registration.Registered, registration.Registered},
		{time.Hour, "register", registration.Registered, registration.Registered},
		{0, "unregister", registration.Unregistering, registration.Unregistering},
		{time.Second, "register", registration.Registering, registration.Registering},
		{time.Minute, "unregister", registration.Unregistering, registration.Unregistering},
		{time.Minute, "unregister", registration.Unregistered, registration.Unregistered},
	}
	now := start
	var feature, provider registration.Record
	for i, step := range steps {
		now = now.Add(step.after)
		switch step.do {
		case "register":
			feature = feature.Register(now, takes, registration.NotRegistered)
			provider = provider.Register(now, takes, registration.Registered)
		case "unregister":
			feature = feature.Unregister(now, takes, registration.NotRegistered)
			provider = provider.Unregister(now, takes, registration.Registered)
		}
		if got := feature.At(now, takes, registration.NotRegistered); got != step.feature {
			t.Errorf("step %d (%s): feature is %s, want %s", i, step.do, got, step.feature)
		}
		if got := provider.At(now, takes, registration.Registered); got != step.provider {
			t.Errorf("step %d (%s): provider is %s, want %s", i, step.do, got, step.provider)
		}
	}
}
