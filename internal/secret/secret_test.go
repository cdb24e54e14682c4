package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/secret"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "p4ssw0rd"
	type holder struct{ Password secret.String }
	s := secret.New(text)
	h := holder{s}

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", h)
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	for name, printed := range map[string]string{
		"%v": fmt.Sprintf("%v", s), "%s": fmt.Sprintf("%s", s), "%q": fmt.Sprintf("%q", s), "%x": fmt.Sprintf("%x", s),
		"%#v": fmt.Sprintf("%#v", h), "%+v": fmt.Sprintf("%+v", &h), "error": fmt.Errorf("signing in: %v", s).Error(),
		"slog": log.String(), "json": string(encoded),
	} {
		if strings.Contains(printed, text) || strings.Contains(printed, fmt.Sprintf("%x", text)) {
			t.Errorf("%s reveals the secret: %s", name, printed)
		}
	}
	if s.Reveal() != text || !s.Equal(secret.New(text)) || s.Equal(secret.New("other")) {
		t.Error("Reveal or Equal doesn't give the value back")
	}
}
