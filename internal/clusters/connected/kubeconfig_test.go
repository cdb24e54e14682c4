package connected_test

import (
	"bytes"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/clusters/connected"
)

// kubeconfig is one that is taken, changed.
func kubeconfig(t testing.TB, change func(c *api.Cluster, u *api.AuthInfo)) []byte {
	t.Helper()
	cluster := &api.Cluster{Server: "https://kind.example:6443", CertificateAuthorityData: []byte("CA")}
	user := &api.AuthInfo{Token: "token"}
	change(cluster, user)
	config := api.NewConfig()
	config.Clusters["kind"], config.AuthInfos["admin"] = cluster, user
	config.Contexts["kind-kind"], config.CurrentContext = &api.Context{Cluster: "kind", AuthInfo: "admin"}, "kind-kind"
	raw, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Whoever may connect a cluster must not make lanyardd, which may be root, run programs, read files or believe anybody.
func TestWhatKubeconfigsMayNotDo(t *testing.T) {
	for name, test := range map[string]struct {
		change func(c *api.Cluster, u *api.AuthInfo)
		says   string
	}{
		"run a program":              {func(_ *api.Cluster, u *api.AuthInfo) { u.Exec = &api.ExecConfig{Command: "/bin/sh"} }, "running a program"},
		"run a provider":             {func(_ *api.Cluster, u *api.AuthInfo) { u.AuthProvider = &api.AuthProviderConfig{Name: "gcp"} }, "running a program"},
		"read a token's file":        {func(_ *api.Cluster, u *api.AuthInfo) { u.TokenFile = "/etc/shadow" }, "--flatten"},
		"read a key's file":          {func(_ *api.Cluster, u *api.AuthInfo) { u.ClientKey = "/etc/shadow" }, "--flatten"},
		"read an authority's file":   {func(c *api.Cluster, _ *api.AuthInfo) { c.CertificateAuthority = "/etc/shadow" }, "--flatten"},
		"believe any server":         {func(c *api.Cluster, _ *api.AuthInfo) { c.InsecureSkipTLSVerify = true }, "believes any server"},
		"believe the system's roots": {func(c *api.Cluster, _ *api.AuthInfo) { c.CertificateAuthorityData = nil }, "certificate-authority-data"},
		"go through a proxy":         {func(c *api.Cluster, _ *api.AuthInfo) { c.ProxyURL = "http://169.254.169.254" }, "proxy"},
		"speak in the clear":         {func(c *api.Cluster, _ *api.AuthInfo) { c.Server = "http://kind.example" }, "isn't an https URL"},
		"hide a password in the URL": {func(c *api.Cluster, _ *api.AuthInfo) { c.Server = "https://a:b@kind.example" }, "isn't an https URL"},
		"impersonate":                {func(_ *api.Cluster, u *api.AuthInfo) { u.Impersonate = "other" }, "impersonates"},
		"come without a credential":  {func(_ *api.Cluster, u *api.AuthInfo) { u.Token = "" }, "neither a token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connected.Parse(kubeconfig(t, test.change), "")
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := connected.Parse([]byte("\x00 password"), ""); err == nil || strings.Contains(err.Error(), "password") {
		t.Errorf("what isn't a kubeconfig: %v", err)
	}
	if _, err := connected.Parse(kubeconfig(t, func(*api.Cluster, *api.AuthInfo) {}), "other"); err == nil || !strings.Contains(err.Error(), `no context "other"`) {
		t.Errorf("a context that it hasn't: %v", err)
	}
	if _, err := connected.Parse(bytes.Repeat([]byte("#"), 1<<20), ""); err == nil || !strings.Contains(err.Error(), "--minify") {
		t.Errorf("a large one: %v", err)
	}
}

func TestKubeconfigIsWrittenAnew(t *testing.T) {
	k, err := connected.Parse(kubeconfig(t, func(c *api.Cluster, _ *api.AuthInfo) { c.TLSServerName = "inside" }), "kind-kind")
	if err != nil {
		t.Fatal(err)
	}
	written, err := k.Write("mine", "clusterAdmin_rg_mine")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.Load([]byte(written.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Clusters["mine"]; c == nil || c.Server != "https://kind.example:6443" || c.TLSServerName != "inside" {
		t.Errorf("the cluster is %+v", c)
	}
	if u := config.AuthInfos["clusterAdmin_rg_mine"]; u == nil || u.Token != "token" || config.CurrentContext != "mine" {
		t.Errorf("the user is %+v in context %s", u, config.CurrentContext)
	}
}
