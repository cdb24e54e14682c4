package entra

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	deviceLifetime = 15 * time.Minute
	deviceInterval = 5
	deviceContext  = "entra/device-code"
	// userCodeAlphabet has no vowels, so that codes spell nothing, and nothing that
	// looks like something else.
	userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ23456789"
	userCodeLength   = 9
)

// deviceCode is what a device code holds, sealed.
type deviceCode struct {
	UserCode string    `json:"u"`
	Client   string    `json:"c"`
	Wanted   string    `json:"w"`
	Scope    string    `json:"s"`
	Until    time.Time `json:"t"`
}

type deviceAnswer struct {
	UserCode   string `json:"user_code"`
	DeviceCode string `json:"device_code"`
	Page       string `json:"verification_uri"`
	OldPage    string `json:"verification_url"` // v1
	ExpiresIn  int    `json:"expires_in"`
	Interval   int    `json:"interval"`
	Message    string `json:"message"`
}

// handleDevice begins a sign-in on another device: whoever signs in at the page
// with the code lets the device that asked here act as him.
func (s *Service) handleDevice(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.begin(w, r)
		w.Header().Set("Cache-Control", "no-store, no-cache")
		request, refused := readForm(r)
		if refused != nil {
			c.refuse(refused)
			return
		}
		request.Tenant, request.V2 = r.PathValue("tenant"), v2
		answer, refused := s.device(r.Context(), request, s.originOf(r.Host))
		if refused != nil {
			c.refuse(refused)
			return
		}
		c.answer(http.StatusOK, answer)
	}
}

func (s *Service) device(ctx context.Context, r Request, origin string) (deviceAnswer, *Error) {
	tenant, refused := s.userTenant(r.Tenant)
	if refused != nil {
		return deviceAnswer{}, refused
	}
	client, refused := s.publicClient(ctx, r.ClientID, tenant)
	if refused != nil {
		return deviceAnswer{}, refused
	}
	wanted, scope, refused := delegatedScope(r)
	if refused != nil {
		return deviceAnswer{}, refused
	}
	code := userCode()
	sealed, err := s.sealed(deviceContext, deviceCode{UserCode: code, Client: client.ID, Wanted: wanted, Scope: scope, Until: s.options.Clock.Now().Add(deviceLifetime)})
	if err != nil {
		s.options.Log.Error("making a device code failed", "error", err)
		return deviceAnswer{}, unavailable()
	}
	page := origin + devicePage
	return deviceAnswer{
		UserCode: code, DeviceCode: sealed.Reveal(), Page: page, OldPage: page, ExpiresIn: int(deviceLifetime / time.Second), Interval: deviceInterval,
		Message: fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, code),
	}, nil
}

func userCode() string {
	text := make([]byte, 0, userCodeLength)
	var random [1]byte
	for len(text) < userCodeLength {
		_, _ = rand.Read(random[:]) // never fails
		// Bytes above the largest multiple would make some letters likelier.
		if most := 256 - 256%len(userCodeAlphabet); int(random[0]) < most {
			text = append(text, userCodeAlphabet[int(random[0])%len(userCodeAlphabet)])
		}
	}
	return string(text)
}

// byDevice redeems a device code once its user has signed in.
func (s *Service) byDevice(ctx context.Context, r Request) (signedIn, *Error) {
	if r.DeviceCode.IsZero() {
		return signedIn{}, parameterMissing("device_code")
	}
	var held deviceCode
	if !s.unsealed(deviceContext, r.DeviceCode, &held) || !strings.EqualFold(held.Client, r.ClientID) {
		return signedIn{}, grantInvalid()
	}
	if s.options.Clock.Now().After(held.Until) {
		return signedIn{}, deviceExpired()
	}
	approval, err := s.options.Directory.TakeAnswer(ctx, held.UserCode)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return signedIn{}, devicePending()
	case err != nil:
		s.options.Log.Error("reading an approval failed", "error", err)
		return signedIn{}, unavailable()
	case approval.Declined:
		return signedIn{}, deviceDeclined()
	}
	user, err := s.options.Directory.User(ctx, approval.UserID)
	if err != nil {
		return signedIn{}, grantRevoked()
	}
	return signedIn{user: user, wanted: held.Wanted, scope: held.Scope}, nil
}

// approveDevice signs the user in and lets the device with the code have it.
func (s *Service) approveDevice(ctx context.Context, c *call, code, name string, password secret.String, declined bool) *Error {
	code = strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, code))
	if len(code) != userCodeLength || strings.Trim(code, userCodeAlphabet) != "" {
		return deviceUnknown()
	}
	// Which client it is for, only the device that asked knows.
	user, refused := s.signInAt(ctx, "device page", c, publicClient{}, name, password)
	if refused != nil {
		return refused
	}
	err := s.options.Directory.Answer(ctx, code, directory.Approval{UserID: user.ObjectID, Declined: declined, Until: s.options.Clock.Now().Add(deviceLifetime)})
	if errors.Is(err, directory.ErrExists) {
		return deviceUnknown()
	}
	if err != nil {
		s.options.Log.Error("keeping an approval failed", "error", err)
		return unavailable()
	}
	return nil
}
