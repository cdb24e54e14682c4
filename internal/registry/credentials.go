package registry

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// tokenUser is the user name by which docker-style clients say that their password
// is a token.
const tokenUser = "00000000-0000-0000-0000-000000000000"

// who finds out whom a user name and a password stand for: a refresh token's
// holder, the admin user, or an application with its secret. An unknown one is
// refused with false.
func (s *Service) who(ctx context.Context, r *containerregistry.Registry, user string, password secret.String) (holder, bool, error) {
	switch {
	case user == tokenUser:
		_, h, ok := s.read(r, password.Reveal(), refreshGrant)
		return h, ok, nil
	case strings.EqualFold(user, r.Name):
		for _, name := range containerregistry.Passwords() {
			value, enabled, err := s.o.Registries.AdminPassword(r.Resource, name)
			if err != nil {
				return holder{}, false, err
			}
			if enabled && value.Equal(password) {
				return holder{admin: name}, true, nil
			}
		}
		return holder{}, false, nil
	}
	principal, err := s.o.Principals.ByAppID(ctx, user)
	if errors.Is(err, directory.ErrNotFound) {
		return holder{}, false, nil
	}
	if err != nil {
		return holder{}, false, err
	}
	verdict, err := s.o.Principals.CheckSecret(ctx, principal.ObjectID, password)
	if err != nil || verdict != directory.SecretGood || principal.Disabled {
		return holder{}, false, err
	}
	return holder{caller: providers.Caller{TenantID: principal.TenantID, ObjectID: principal.ObjectID, AppID: principal.AppID}}, true, nil
}

// fingerprint ties a token to the password that it was made for.
func fingerprint(tokenID string, password secret.String) string {
	sum := sha256.Sum256([]byte(tokenID + " " + password.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
