package probe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
)

// Probe asks a harmless question again and again.
type Probe struct {
	// URL of the metadata service, as pods know it.
	URL   string
	Clock clock.Clock
	Log   *slog.Logger
}

const (
	soon  = time.Second      // until the agent answers
	later = 10 * time.Second // an agent that starts anew isn't ready before the next question
)

// Run asks until the context ends.
func (p *Probe) Run(ctx context.Context) {
	client := newClient()
	last := ""
	for {
		outcome, ok := p.ask(ctx, client)
		if outcome != last {
			p.Log.Info("probed", "outcome", outcome)
			last = outcome
		}
		pause := soon
		if ok {
			pause = later
		}
		select {
		case <-ctx.Done():
			return
		case <-p.Clock.After(pause):
		}
	}
}

// Once asks until the agent has answered, and fails if it hasn't when the time is over.
func (p *Probe) Once(ctx context.Context, patience time.Duration) error {
	client := newClient()
	for end := p.Clock.Now().Add(patience); ; {
		outcome, ok := p.ask(ctx, client)
		p.Log.Info("probed", "outcome", outcome)
		if ok {
			return nil
		}
		if !p.Clock.Now().Before(end) {
			return fmt.Errorf("asking %s from a pod: no answer of the agent within %s, the last was: %s", p.URL, patience, outcome)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.Clock.After(soon):
		}
	}
}

func newClient() *http.Client {
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true}, // each question walks the whole way, by no proxy
	}
}

// ask makes one request. Whether it came to the agent is the agent's to say, by being ready; what the answer says of its sender only
// sets the pace, as anybody can say it.
func (p *Probe) ask(ctx context.Context, client *http.Client) (outcome string, ok bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/metadata/versions", nil)
	if err != nil {
		return err.Error(), false
	}
	request.Header.Set("Metadata", "true")
	response, err := client.Do(request)
	if err != nil {
		return fmt.Sprintf("no answer: %v", err), false
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)); err != nil {
		return fmt.Sprintf("half an answer: %v", err), false
	}
	if response.StatusCode == http.StatusOK && response.Header.Get("Server") != imds.Agent {
		return "answered by somebody else than the agent", false
	}
	return response.Status, response.StatusCode == http.StatusOK
}
