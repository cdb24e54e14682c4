package expression

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// guidOf is a name-based UUID (version 5) of the arguments, joined by "-", in the
// namespace that Azure is said to use.
func guidOf(a []any) (any, error) {
	joined, err := joinedTexts(a)
	if err != nil {
		return nil, err
	}
	return uuid.NewSHA1(uuid.UUID{0x11, 0xfb, 0x06, 0xfb, 0x71, 0x2d, 0x4d, 0xdd, 0x98, 0xc7, 0xe7, 0x1b, 0xbd, 0x58, 0x88, 0x30}, []byte(joined)).String(), nil
}

// uniqueString has the form of Azure's, 13 letters and digits, but not its
// algorithm, which isn't public.
func uniqueString(a []any) (any, error) {
	joined, err := joinedTexts(a)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(joined))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:13]), nil
}

func joinedTexts(a []any) (string, error) {
	parts := make([]string, len(a))
	for i, v := range a {
		s, ok := v.(string)
		if !ok {
			return "", fmt.Errorf("expects strings, not %s", typeName(v))
		}
		parts[i] = s
	}
	return strings.Join(parts, "-"), nil
}
