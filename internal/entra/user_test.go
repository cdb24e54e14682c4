package entra_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	azClient = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
	horse    = "correct horse"
)

func (c *cloud) user(t testing.TB, name string) directory.User {
	t.Helper()
	user, err := c.directory.CreateUser(t.Context(), directory.User{TenantID: c.tenant.ID, Name: name + "@" + c.tenant.Domain, DisplayName: name}, secret.New(horse))
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// grant is a request of a public client.
func (c *cloud) grant(t testing.TB, kind string, change ...string) answer {
	t.Helper()
	form := url.Values{"grant_type": {kind}, "client_id": {azClient}, "client_info": {"1"}, "scope": {arm + "/.default offline_access openid profile"}}
	for i := 0; i+1 < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return c.post(t, "/organizations/oauth2/v2.0/token", form)
}

func wantCode(t *testing.T, what string, got answer, code float64) {
	t.Helper()
	if !cmp.Equal(got.body["error_codes"], []any{code}) {
		t.Errorf("%s: %d %v", what, got.status, got.body)
	}
}

func TestUsersSignInByPassword(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	user := c.user(t, "ann")
	group, err := c.directory.CreateGroup(t.Context(), directory.Group{TenantID: c.tenant.ID, DisplayName: "ops", Members: []string{user.ObjectID}})
	if err != nil {
		t.Fatal(err)
	}
	got := c.grant(t, "password", "username", strings.ToUpper(user.Name), "password", horse)
	if got.status != 200 {
		t.Fatalf("%d %v", got.status, got.body)
	}
	_, claims := c.read(t, got.body["access_token"].(string))
	want := map[string]any{"aud": arm, "upn": user.Name, "oid": user.ObjectID, "idtyp": "user", "scp": "user_impersonation", "appid": azClient, "appidacr": "0", "groups": []any{group.ObjectID}}
	for name, value := range want {
		if !cmp.Equal(claims[name], value) {
			t.Errorf("%s: %v, want %v", name, claims[name], value)
		}
	}
	if _, id := c.read(t, got.body["id_token"].(string)); id["aud"] != azClient || id["preferred_username"] != user.Name || id["tid"] != c.tenant.ID {
		t.Errorf("%v", id)
	}
	wantCode(t, "wrong password", c.grant(t, "password", "username", user.Name, "password", "x"), 50126)
	wantCode(t, "unknown user", c.grant(t, "password", "username", "eve@"+c.tenant.Domain, "password", horse), 50126)
	wantCode(t, "with a secret", c.grant(t, "password", "username", user.Name, "password", horse, "client_secret", "x"), 700025)
	wantCode(t, "a confidential client", c.grant(t, "password", "username", user.Name, "password", horse, "client_id", c.app.AppID), 7000218)

	refresh := got.body["refresh_token"].(string)
	again := c.grant(t, "refresh_token", "refresh_token", refresh, "scope", "https://graph.microsoft.com/User.Read")
	if _, claims := c.read(t, again.body["access_token"].(string)); claims["aud"] != "https://graph.microsoft.com" {
		t.Errorf("%v", claims)
	}
	wantCode(t, "another client's refresh token", c.grant(t, "refresh_token", "refresh_token", refresh, "client_id", "1950a258-227b-4e31-a9cf-717495945fc2"), 9002313)
	wantCode(t, "an access token as one", c.grant(t, "refresh_token", "refresh_token", got.body["access_token"].(string)), 9002313)
	clock.Step(91 * day)
	wantCode(t, "old", c.grant(t, "refresh_token", "refresh_token", refresh), 700082)
	fresh := c.grant(t, "password", "username", user.Name, "password", horse).body["refresh_token"].(string)
	clock.Step(time.Second)
	if _, err := c.directory.UpdateUser(t.Context(), user.ObjectID, secret.New("another horse"), func(*directory.User) error { return nil }); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "after the password was changed", c.grant(t, "refresh_token", "refresh_token", fresh), 50173)
}

func TestGuessingPasswordsIsSlowedDown(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	user := c.user(t, "ann")
	for range 10 {
		wantCode(t, "wrong", c.grant(t, "password", "username", user.Name, "password", "x"), 50126)
	}
	wantCode(t, "the right one, too late", c.grant(t, "password", "username", user.Name, "password", horse), 50053)
	clock.Step(time.Minute)
	if got := c.grant(t, "password", "username", user.Name, "password", horse); got.status != 200 {
		t.Errorf("%d %v", got.status, got.body)
	}
}

// Guesses that come all at once wait for the same two hashes: the lock must catch
// those in the queue.
func TestGuessingPasswordsAllAtOnceIsSlowedDownToo(t *testing.T) {
	c := start(t, fakeClock())
	user := c.user(t, "ann")
	var checked atomic.Int32
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() {
			if cmp.Equal(c.grant(t, "password", "username", user.Name, "password", "x").body["error_codes"], []any{50126.0}) {
				checked.Add(1)
			}
		})
	}
	wait.Wait()
	if got := checked.Load(); got > 11 {
		t.Errorf("%d guesses were checked", got)
	}
}

// A flood of names that cost nothing must neither fill the memory nor use up the
// room in which failures are counted.
func TestFloodOfNamesTurnsNoLockOff(t *testing.T) {
	c := start(t, fakeClock())
	user := c.user(t, "ann")
	for i := range 5000 {
		wantCode(t, "flood", c.grant(t, "password", "username", fmt.Sprintf("u%d@x", i), "password", strings.Repeat("x", 2000)), 50126)
	}
	wantCode(t, "long name", c.grant(t, "password", "username", strings.Repeat("n", 60000), "password", "x"), 50126)
	for range 10 {
		wantCode(t, "wrong", c.grant(t, "password", "username", user.Name, "password", "x"), 50126)
	}
	wantCode(t, "the right one, too late", c.grant(t, "password", "username", user.Name, "password", horse), 50053)
}

func TestTooManyGroupsForAToken(t *testing.T) {
	c := start(t, fakeClock())
	user := c.user(t, "ann")
	for i := range 201 {
		if _, err := c.directory.CreateGroup(t.Context(), directory.Group{TenantID: c.tenant.ID, DisplayName: fmt.Sprint(i), Members: []string{user.ObjectID}}); err != nil {
			t.Fatal(err)
		}
	}
	got := c.grant(t, "password", "username", user.Name, "password", horse)
	_, claims := c.read(t, got.body["access_token"].(string))
	if claims["groups"] != nil || !cmp.Equal(claims["_claim_names"], map[string]any{"groups": "src1"}) {
		t.Errorf("%v", claims)
	}
}

// page posts what a user fills in, and tells what the page may load and where it leads.
func (c *cloud) page(t testing.TB, path string, form url.Values) (status int, policy string, to *url.URL) {
	t.Helper()
	client := *c.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	to, _ = response.Location()
	return response.StatusCode, response.Header.Get("Content-Security-Policy"), to
}

func TestUsersSignInOnAnotherDevice(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	user := c.user(t, "ann")
	begin := func() answer {
		return c.post(t, "/adfs/oauth2/devicecode", url.Values{"client_id": {azClient}, "scope": {arm + "/.default"}})
	}
	answerAs := func(started answer, password, button string) {
		c.page(t, "/devicelogin", url.Values{"code": {strings.ToLower(started.body["user_code"].(string))}, "username": {user.Name}, "password": {password}, "answer": {button}})
	}
	redeem := func(started answer) answer {
		return c.grant(t, "urn:ietf:params:oauth:grant-type:device_code", "device_code", started.body["device_code"].(string))
	}
	started := begin()
	if started.body["verification_uri"] != c.origin+"/devicelogin" || !strings.Contains(started.body["message"].(string), started.body["user_code"].(string)) {
		t.Errorf("%v", started.body)
	}
	wantCode(t, "before", redeem(started), 70016)
	wantCode(t, "as MSAL for Go asks", c.grant(t, "device_code", "device_code", started.body["device_code"].(string)), 70016)
	answerAs(started, "wrong", "ok")
	wantCode(t, "after a wrong password", redeem(started), 70016)
	answerAs(started, horse, "ok")
	if got := redeem(started); got.status != 200 {
		t.Fatalf("%d %v", got.status, got.body)
	}
	wantCode(t, "again", redeem(started), 70016)
	declined := begin()
	answerAs(declined, horse, "cancel")
	wantCode(t, "declined", redeem(declined), 70018)
	late := begin()
	answerAs(late, horse, "ok")
	clock.Step(16 * time.Minute)
	wantCode(t, "too late", redeem(late), 70020)
}

func TestUsersSignInInABrowser(t *testing.T) {
	clock := fakeClock()
	c := start(t, clock)
	user := c.user(t, "ann")
	verifier := strings.Repeat("v", 64)
	sum := sha256.Sum256([]byte(verifier))
	query := func(change ...string) string {
		q := url.Values{
			"client_id": {azClient}, "response_type": {"code"}, "redirect_uri": {"http://localhost:8400"}, "scope": {arm + "/.default openid"}, "state": {"s t"},
			"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "nonce": {"n"},
		}
		for i := 0; i+1 < len(change); i += 2 {
			q.Set(change[i], change[i+1])
		}
		return "/adfs/oauth2/authorize?" + q.Encode()
	}
	filled := url.Values{"username": {user.Name}, "password": {horse}}
	status, policy, to := c.page(t, query(), filled)
	if status != http.StatusFound || to.Host != "localhost:8400" || to.Query().Get("state") != "s t" || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Fatalf("%d %v %s", status, to, policy)
	}
	code := to.Query().Get("code")
	redeem := func(change ...string) answer {
		return c.grant(t, "authorization_code", slices.Concat([]string{"code", code, "redirect_uri", "http://localhost:8400", "code_verifier", verifier}, change)...)
	}
	wantCode(t, "without its verifier", redeem("code_verifier", strings.Repeat("w", 64)), 501481)
	wantCode(t, "with another redirect", redeem("redirect_uri", "http://localhost:1"), 9002313)
	got := redeem()
	if got.status != 200 {
		t.Fatalf("%d %v", got.status, got.body)
	}
	if _, id := c.read(t, got.body["id_token"].(string)); id["nonce"] != "n" {
		t.Errorf("%v", id)
	}
	wantCode(t, "twice", redeem(), 54005)
	for name, path := range map[string]string{
		"foreign redirect": query("redirect_uri", "https://evil.example/"), "look-alike": query("redirect_uri", "http://localhost.evil.example/"),
		"unknown client": query("client_id", "11111111-1111-1111-1111-111111111111"), "script": query("redirect_uri", "javascript:alert(1)"),
	} {
		if status, _, to := c.page(t, path, filled); status != http.StatusBadRequest || to != nil {
			t.Errorf("%s: %d %v", name, status, to)
		}
	}
	for name, path := range map[string]string{"no proof key": query("code_challenge_method", "plain"), "implicit": query("response_type", "token"), "silent": query("prompt", "none")} {
		if status, _, to := c.page(t, path, filled); status != http.StatusFound || to.Query().Get("error") == "" || to.Query().Get("code") != "" {
			t.Errorf("%s: %d %v", name, status, to)
		}
	}
	if status, _, to := c.page(t, query(), url.Values{"username": {user.Name}, "password": {"x"}}); status != 200 || to != nil {
		t.Errorf("a wrong password must show the page again: %d %v", status, to)
	}
	clock.Step(6 * time.Minute)
	_, _, to = c.page(t, query(), filled)
	code = to.Query().Get("code")
	clock.Step(6 * time.Minute)
	wantCode(t, "too late", redeem(), 70008)
}

// The record tells who signed in at a page and who didn't get in, and nothing that was typed.
func TestSignInsAtPagesAreRecorded(t *testing.T) {
	c := start(t, fakeClock())
	user := c.user(t, "ann")
	query := url.Values{
		"client_id": {azClient}, "response_type": {"code"}, "redirect_uri": {"http://localhost:8400"}, "scope": {arm + "/.default"},
		"code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"},
	}
	begun := c.post(t, "/adfs/oauth2/devicecode", url.Values{"client_id": {azClient}, "scope": {arm + "/.default"}})
	for _, password := range []string{"a wrong one", horse} {
		c.page(t, "/adfs/oauth2/authorize?"+query.Encode(), url.Values{"username": {user.Name}, "password": {password}})
		c.page(t, "/devicelogin", url.Values{"code": {begun.body["user_code"].(string)}, "username": {user.Name}, "password": {password}})
	}
	c.flush()
	text, err := os.ReadFile(c.record)
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Via, AppID, ObjectID string
		SignedIn             bool
		Code                 int
	}
	var got []entry
	for line := range strings.Lines(string(text)) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Via, " page") {
			got = append(got, e)
		}
	}
	want := []entry{
		{Via: "sign-in page", AppID: azClient, Code: 50126}, {Via: "device page", Code: 50126},
		{Via: "sign-in page", AppID: azClient, ObjectID: user.ObjectID, SignedIn: true}, {Via: "device page", ObjectID: user.ObjectID, SignedIn: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, typed := range []string{"a wrong one", horse, user.Name} {
		if strings.Contains(string(text), typed) {
			t.Errorf("the record holds %q", typed)
		}
	}
}

// Any user may register a client under a name that others trust, and there is no
// consent: the page says where the sign-in leads unless that is the user's machine.
func TestSignInPageNamesForeignHosts(t *testing.T) {
	c := start(t, fakeClock())
	app, err := c.directory.Register(t.Context(), directory.Application{TenantID: c.tenant.ID, DisplayName: "Microsoft Azure CLI", Further: map[string]json.RawMessage{
		"isFallbackPublicClient": json.RawMessage(`true`), "publicClient": json.RawMessage(`{"redirectUris":["https://evil.example/take"]}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.directory.CreatePrincipal(t.Context(), c.tenant.ID, app.AppID); err != nil {
		t.Fatal(err)
	}
	for redirect, want := range map[string]bool{"https://evil.example/take": true, "http://localhost:8400": false} {
		query := url.Values{
			"client_id": {app.AppID}, "response_type": {"code"}, "redirect_uri": {redirect}, "code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"},
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.origin+"/adfs/oauth2/authorize?"+query.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || strings.Contains(string(text), "<b>evil.example</b>") != want {
			t.Errorf("%s: %d %v %s", redirect, response.StatusCode, err, text)
		}
	}
}
