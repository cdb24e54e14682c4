package entra

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// sealed makes a token that only this cloud can read: refresh tokens and codes
// carry what they stand for, and every replica can redeem them.
func (s *Service) sealed(context string, holds any) (secret.String, error) {
	plain, err := json.Marshal(holds)
	if err != nil {
		return secret.String{}, fmt.Errorf("sealing a token: %w", err)
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(s.options.Box.Seal(plain, context))), nil
}

func (s *Service) unsealed(context string, token secret.String, holds any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(token.Reveal())
	if err != nil {
		return false
	}
	plain, err := s.options.Box.Open(sealed, context)
	return err == nil && json.Unmarshal(plain, holds) == nil
}
