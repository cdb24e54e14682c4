package assign

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

const (
	maxName    = 253
	hashLength = 8
)

// plainName is the name that aad-pod-identity gives: readable, and not unique.
// Pod a-b of namespace c and pod a of namespace b-c have the same one.
func plainName(pod types.NamespacedName, identity string) string {
	return pod.Name + "-" + pod.Namespace + "-" + identity
}

// nameBeside returns another name for the same thing when an object with a UID
// has the plain one, or, with an empty UID, when the plain one is too long. It
// depends on that object so that a third one gets yet another name.
func nameBeside(plain string, taker types.UID) string {
	sum := sha256.Sum256([]byte(plain + "\x00" + string(taker)))
	suffix := "-" + hex.EncodeToString(sum[:])[:hashLength]
	if len(plain)+len(suffix) > maxName {
		plain = strings.TrimRight(plain[:maxName-len(suffix)], "-.")
	}
	return plain + suffix
}
