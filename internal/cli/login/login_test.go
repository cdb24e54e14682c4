package login

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/lanyard-project/lanyard/internal/secret"
)

func TestSubscriptions(t *testing.T) {
	f := Folder{t.TempDir()}
	if _, err := f.Subscription("c", ""); err != ErrSignedOut { //nolint:errorlint // it is returned as it is
		t.Errorf("before signing in: %v", err)
	}
	found := []Subscription{{ID: "1", Name: "one", Cloud: "c", User: User{Name: "u"}}, {ID: "2", Name: "two", Cloud: "c", User: User{Name: "u"}}}
	if err := f.SaveSubscriptions(found); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "1", "TWO": "2", "2": "2"} {
		if got, err := f.Subscription("C", name); err != nil || got.ID != want {
			t.Errorf("%q is %q (%v), want %s", name, got.ID, err, want)
		}
	}
	if err := f.SetDefault("c", "two"); err != nil {
		t.Fatal(err)
	}
	if got, _ := f.Subscription("c", ""); got.ID != "2" {
		t.Errorf("the default is %s", got.ID)
	}
	if _, err := f.Subscription("c", "three"); err == nil || !strings.Contains(err.Error(), "Subscription 'three' not found") {
		t.Errorf("an unknown one: %v", err)
	}
	if err := f.RemoveUser("c", "u"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Subscription("c", ""); err != ErrSignedOut { //nolint:errorlint // as above
		t.Errorf("after signing out: %v", err)
	}
}

type counting struct{ asked int }

func (c *counting) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.asked++
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Duration(c.asked) * earlier)}, nil
}

// Whoever signs in proves it, although a token of an earlier sign-in is still good.
func TestSigningInAsksAgain(t *testing.T) {
	f := Folder{t.TempDir()}
	source := &counting{asked: 1}
	for _, fresh := range []bool{false, true} {
		c := &cached{source: source, folder: f, key: "k", fresh: fresh}
		if _, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"s"}}); err != nil {
			t.Fatal(err)
		}
	}
	if source.asked != 3 {
		t.Errorf("asked %d times, want 3", source.asked)
	}
}

// A token is asked for once while it is good, and lies in a file that others can't read.
func TestTokensAreKept(t *testing.T) {
	f := Folder{filepath.Join(t.TempDir(), "new")}
	source := &counting{}
	for i, want := range []int{1, 2, 2, 2} { // the first token is as good as over
		c := &cached{source: source, folder: f, key: "k"}
		if _, err := c.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"s"}}); err != nil || source.asked != want {
			t.Errorf("request %d: asked %d times, want %d (%v)", i+1, source.asked, want, err)
		}
	}
	if err := f.SaveCredential(&Credential{Kind: Secret, Cloud: "c", ClientID: "u", Secret: secret.New("s3cret")}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{tokensFile, credentialsFile} {
		info, err := os.Stat(f.file(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if got, err := f.Credential("c", "u"); err != nil || got.Secret.Reveal() != "s3cret" {
		t.Errorf("the credential came back as %v (%v)", got, err)
	}
}

func TestCloudsOfAz(t *testing.T) {
	f := Folder{t.TempDir()}
	clouds, err := f.Clouds()
	if err != nil || len(clouds) != 4 {
		t.Fatalf("%d built-in clouds (%v)", len(clouds), err)
	}
	if public, err := f.Cloud("azurecloud"); err != nil || public.ARM() != "https://management.azure.com" || !public.Known() {
		t.Errorf("AzureCloud: %v %v", public, err)
	}
	private := &Cloud{Name: "mine", Endpoints: clouds[0].Endpoints, Suffixes: clouds[0].Suffixes}
	if err := f.SaveCloud(private); err != nil {
		t.Fatal(err)
	}
	private.Endpoints.Set("activeDirectory", "https://localhost:8443/adfs")
	if private.Authority() != "https://localhost:8443" || private.Known() {
		t.Errorf("the authority of a private cloud is %s", private.Authority())
	}
	if err := f.RemoveCloud("mine"); err != nil {
		t.Error(err)
	}
	if err := f.RemoveCloud("AzureCloud"); err == nil {
		t.Error("a built-in cloud was removed")
	}
}

func FuzzSettings(f *testing.F) {
	f.Add("[defaults]\ngroup = g\n# x\n")
	f.Fuzz(func(t *testing.T, text string) {
		folder := Folder{t.TempDir()}
		if err := os.WriteFile(folder.SettingsPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := folder.Settings()
		if err == nil {
			_ = s.Get("defaults", "group")
		}
	})
}
