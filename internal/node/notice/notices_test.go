package notice_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/notice"
)

func TestTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		var log strings.Builder
		failing := false
		n := notice.New("node1", func(_ context.Context, path string, object any) error {
			if failing {
				return errors.New("forbidden")
			}
			body, err := json.Marshal(object)
			sent = append(sent, path+" "+string(body))
			return err
		}, clock.RealClock{}, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = n.Run(ctx); close(done) }()
		tell := func(uid, reason, message string, want int) {
			t.Helper()
			n.Tell(notice.Pod{UID: uid, Namespace: "my-app", Name: "web"}, reason, message)
			synctest.Wait()
			if len(sent) != want {
				t.Errorf("%s, %s: %d events, want %d", uid, reason, len(sent), want)
			}
		}
		tell("u1", "IdentityNotBound", "no binding", 1)
		tell("u1", "IdentityNotBound", "no binding", 1)
		tell("u1", "IdentityAmbiguous", "two", 2)
		tell("u2", "IdentityNotBound", strings.Repeat("x", 5000), 3)
		time.Sleep(5 * time.Minute)
		tell("u1", "IdentityNotBound", "still none", 4)
		for _, want := range []string{
			"/api/v1/namespaces/my-app/events ", `"kind":"Pod"`, `"uid":"u1"`, `"reason":"IdentityNotBound"`, `"message":"no binding"`,
			`"type":"Warning"`, `"component":"lanyard-nmi","host":"node1"`, `"generateName":"web."`,
		} {
			if !strings.Contains(sent[0], want) {
				t.Errorf("event %s lacks %s", sent[0], want)
			}
		}
		if len(sent[2]) > 2000 {
			t.Errorf("an event of %d bytes", len(sent[2]))
		}
		for i := range 5000 { // a crowd that misbehaves
			n.Tell(notice.Pod{UID: fmt.Sprint("crowd", i)}, "IdentityNotBound", "x")
			synctest.Wait()
		}
		if len(sent) > 60 {
			t.Errorf("%d events for a crowd", len(sent))
		}
		failing = true
		time.Sleep(time.Minute)
		tell("u3", "IdentityNotBound", "x", len(sent))
		if !strings.Contains(log.String(), "forbidden") {
			t.Errorf("log %q", log.String())
		}
		cancel()
		<-done
	})
}
