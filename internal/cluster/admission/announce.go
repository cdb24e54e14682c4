package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	checkEvery = time.Minute
	checkRetry = 2 * time.Second
	// settleTime is how long API servers have to hear of a new certificate before it is shown.
	settleTime = 5 * time.Second
)

// Announcer keeps a replica's certificate fresh, and in the caBundle of the
// ValidatingWebhookConfiguration whatever others do to that.
type Announcer struct {
	// Kube changes the configuration; Live reads it.
	Kube client.Client
	Live client.Reader
	// Configuration is its name, Replica this process's, the pod's.
	Configuration, Replica string
	Clock                  clock.Clock
	// Failed hears of what will be tried again.
	Failed func(error)

	next   *tls.Certificate // announced or about to be
	since  time.Time        // when it was announced
	served atomic.Pointer[tls.Certificate]
}

// TLS is the server's configuration.
func (a *Announcer) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if known := a.served.Load(); known != nil {
			return known, nil
		}
		return nil, errors.New("there is no certificate yet")
	}}
}

// Ready returns why API servers can't ask this replica yet, or nil.
func (a *Announcer) Ready() error {
	if a.served.Load() == nil {
		return fmt.Errorf("the webhook's certificate isn't in ValidatingWebhookConfiguration %s yet", a.Configuration)
	}
	return nil
}

// Run announces until the context ends.
func (a *Announcer) Run(ctx context.Context) {
	for {
		pause := checkEvery
		if err := a.check(ctx); err != nil && ctx.Err() == nil {
			a.Failed(err)
			pause = checkRetry
		} else if a.served.Load() != a.next {
			pause = settleTime
		}
		select {
		case <-ctx.Done():
			return
		case <-a.Clock.After(pause):
		}
	}
}

// check makes a certificate if none is good for long, announces it, and shows it
// once API servers have had the time to hear of it; the first one at once, as
// there is nothing to show before.
func (a *Announcer) check(ctx context.Context) error {
	var have admissionregistrationv1.ValidatingWebhookConfiguration
	if err := a.Live.Get(ctx, types.NamespacedName{Name: a.Configuration}, &have); err != nil {
		return fmt.Errorf("reading the webhook's configuration: %w", err)
	}
	now := a.Clock.Now()
	if asked := names(&have); !lasts(a.next, asked, now) {
		fresh, err := selfSigned(a.Replica, asked, now)
		if err != nil {
			return err
		}
		a.next, a.since = fresh, now
	}
	next := have.DeepCopy()
	changed := false
	for i := range next.Webhooks {
		config := &next.Webhooks[i].ClientConfig
		bundle := bundleWith(config.CABundle, a.next.Leaf, now)
		changed = changed || !bytes.Equal(bundle, config.CABundle)
		config.CABundle = bundle
	}
	if changed {
		// Another replica may write at the same time: whoever comes second tries again.
		if err := a.Kube.Patch(ctx, next, client.MergeFromWithOptions(&have, client.MergeFromWithOptimisticLock{})); err != nil {
			return fmt.Errorf("announcing the webhook's certificate: %w", err)
		}
	}
	if a.served.Load() == nil || !now.Before(a.since.Add(settleTime)) {
		a.served.Store(a.next)
	}
	return nil
}

// names are those by which API servers ask.
func names(c *admissionregistrationv1.ValidatingWebhookConfiguration) []string {
	var names []string
	for _, w := range c.Webhooks {
		switch {
		case w.ClientConfig.Service != nil:
			names = append(names, w.ClientConfig.Service.Name+"."+w.ClientConfig.Service.Namespace+".svc")
		case w.ClientConfig.URL != nil:
			if u, err := url.Parse(*w.ClientConfig.URL); err == nil {
				names = append(names, u.Hostname())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
