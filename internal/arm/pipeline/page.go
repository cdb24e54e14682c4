package pipeline

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// pageSize is how many resources a page has unless $top asks for fewer.
const pageSize = 1000

// window is the part of a list that a call asks for.
type window struct {
	after string // ID key of the previous page's last member
	size  int
}

// skipToken is the content of $skiptoken. Query ties it to the call that it
// continues: with another filter, scope or caller its position means nothing.
type skipToken struct {
	After string `json:"a"`
	Query string `json:"q"`
}

func readWindow(c *call) (window, error) {
	w := window{size: pageSize}
	if top := parameter(c, "$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 {
			return w, rest.InvalidTop(top)
		}
		w.size = min(n, pageSize)
	}
	text := parameter(c, "$skiptoken")
	if text == "" {
		return w, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return w, rest.InvalidSkipToken()
	}
	var token skipToken
	if err := json.Unmarshal(raw, &token); err != nil || token.Query != fingerprint(c) || token.After == "" {
		return w, rest.InvalidSkipToken()
	}
	w.after = token.After
	return w, nil
}

// token is the $skiptoken of the page that starts at the window.
func (w window) token(c *call) string {
	raw, err := json.Marshal(skipToken{After: w.after, Query: fingerprint(c)})
	if err != nil {
		return "" // unreachable: two strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// fingerprint names the call that pages belong to.
func fingerprint(c *call) string {
	hash := sha256.New()
	write := func(parts ...string) {
		for _, part := range parts {
			hash.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
		}
	}
	write(c.match.Scope.Key(), c.match.Type.FullName(), c.caller.TenantID, c.caller.ObjectID)
	for _, name := range slices.Sorted(maps.Keys(c.Query)) {
		if !strings.EqualFold(name, "$skiptoken") && !strings.EqualFold(name, "$top") {
			write(append([]string{strings.ToLower(name)}, c.Query[name]...)...)
		}
	}
	return base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:12])
}

// parameter reads a query parameter, whatever the casing of its name.
func parameter(c *call, name string) string {
	if value := c.Query.Get(name); value != "" {
		return value
	}
	for key, values := range c.Query {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
