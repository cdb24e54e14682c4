package pipeline

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/seal"
)

// pageSize is how many resources a page has unless $top asks for fewer.
const pageSize = 1000

// window is the part of a list that a call asks for.
type window struct {
	after string // ID key of the previous page's last member
	size  int
}

func (p *Pipeline) readWindow(c *call) (window, error) {
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
	after, err := p.Pages.Open(raw, fingerprint(c))
	if err != nil || len(after) == 0 {
		return w, rest.InvalidSkipToken()
	}
	w.after = string(after)
	return w, nil
}

// skipToken is the $skiptoken of the page that starts after the key. It is sealed
// for the call that it continues: with another filter, scope or caller it opens
// nothing, and nobody can make one or read where it leads.
func (p *Pipeline) skipToken(c *call, last string) string {
	return base64.RawURLEncoding.EncodeToString(p.Pages.Seal([]byte(last), fingerprint(c)))
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

// ownPages is a key that nobody else has: links made with it end with the process.
func ownPages() *seal.Box {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	box, err := seal.New(key)
	if err != nil {
		panic(err) // unreachable: the key has the right size
	}
	return box
}
