package obs_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/obs"
	"github.com/lanyard-project/lanyard/internal/secret"
)

func TestLoggerWritesAtItsLevelAndHidesSecrets(t *testing.T) {
	var out bytes.Buffer
	log, err := obs.NewLogger(&out, "info", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("unseen")
	log.Info("seen", "password", secret.New("p4ssw0rd"))
	if text := out.String(); strings.Contains(text, "unseen") || !strings.Contains(text, `"msg":"seen"`) || strings.Contains(text, "p4ssw0rd") {
		t.Error(text)
	}
	for _, bad := range [][2]string{{"loud", "text"}, {"info", "xml"}} {
		if _, err := obs.NewLogger(&out, bad[0], bad[1]); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
}
