package deployments

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"
)

// displayType is how the service spells a parameter's type.
func displayType(kind string) string {
	switch kind {
	case "securestring":
		return "SecureString"
	case "secureobject":
		return "SecureObject"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// templateHash tells templates apart; it isn't Azure's number.
func templateHash(raw json.RawMessage) string {
	h := fnv.New64a()
	_, _ = h.Write(raw) // a hash never fails
	return fmt.Sprint(h.Sum64())
}

// usedProviders are the namespaces and types of a plan.
func usedProviders(plan []*planned) []any {
	types := map[string][]string{}
	for _, one := range plan {
		space, typ, _ := strings.Cut(one.id.Type(), "/")
		if !slices.Contains(types[space], typ) {
			types[space] = append(types[space], typ)
		}
	}
	out := []any{}
	for _, space := range slices.Sorted(maps.Keys(types)) {
		shown := []any{}
		for _, typ := range types[space] {
			shown = append(shown, map[string]any{"resourceType": typ, "locations": []any{nil}})
		}
		out = append(out, map[string]any{"namespace": space, "resourceTypes": shown})
	}
	return out
}

// isoDuration is how durations are shown.
func isoDuration(d time.Duration) string {
	return fmt.Sprintf("PT%gS", d.Round(time.Millisecond).Seconds())
}
