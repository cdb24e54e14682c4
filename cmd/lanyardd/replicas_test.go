package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// TestReplicasOverOneEtcd: what one lanyardd was told, the other knows within
// moments, and each believes the other's tokens.
func TestReplicasOverOneEtcd(t *testing.T) {
	etcd := externalEtcd(t)
	one, two := newInstance(t), newInstance(t)
	// Both are the same service to their clients, wherever they listen.
	origin := "--origin=" + one.origin()
	stopOne := one.serve(t, append(etcd, origin)...)
	if err := os.CopyFS(filepath.Join(two.dir, "data", "tls"), os.DirFS(filepath.Join(one.dir, "data", "tls"))); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(one.dir, "data", "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(two.dir, "data", "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	defer two.serve(t, append(etcd, origin)...)()

	admin := one.administrator(t)
	token := one.token(t, admin)
	group := "/subscriptions/" + admin.SubscriptionID + "/resourceGroups/shared?api-version=2021-04-01"
	if status := one.call(t, http.MethodPut, group, token, `{"location":"eastus"}`); status != http.StatusCreated {
		t.Fatalf("the first answers %d", status)
	}
	for deadline := time.Now().Add(readyLimit); ; time.Sleep(20 * time.Millisecond) {
		status := two.call(t, http.MethodGet, group, token, "")
		if status == http.StatusOK {
			break
		}
		if status != http.StatusNotFound || time.Now().After(deadline) {
			t.Fatalf("the second answers %d to the first one's token", status)
		}
	}
	stopOne()
	if status := two.call(t, http.MethodGet, group, two.token(t, admin), ""); status != http.StatusOK {
		t.Errorf("without the first the second answers %d", status)
	}
	if said := two.run(t, append([]string{"keys", "list"}, etcd...)...); !strings.Contains(said, "  signs ") {
		t.Errorf("keys list says %s", said)
	}
}

// externalEtcd starts an etcd that no lanyardd looks after, and returns the flags for it.
func externalEtcd(t *testing.T) []string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ly") //nolint:usetesting // a socket's path is limited, test names aren't
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := etcdserver.Start(t.Context(), etcdserver.Options{
		DataDir: filepath.Join(dir, "data"), RunDir: filepath.Join(dir, "run"), Executable: os.Args[0], Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	credentials, err := server.EnsureUser(t.Context(), "somebody", "/lanyard/")
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"--etcd-endpoints=" + credentials.Endpoints[0], "--etcd-cafile=" + credentials.CAFile,
		"--etcd-certfile=" + credentials.CertFile, "--etcd-keyfile=" + credentials.KeyFile,
	}
}

// call makes a call of ARM and returns its status.
func (i *instance) call(t *testing.T, method, path, token, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, i.origin()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client(t, i.ca(t)).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func (i *instance) token(t *testing.T, c credential) string {
	t.Helper()
	response, err := client(t, i.ca(t)).PostForm(i.origin()+"/"+c.TenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}, "scope": {"https://management.azure.com/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("signing in answers %s, %v", response.Status, err)
	}
	return answer.Token
}
