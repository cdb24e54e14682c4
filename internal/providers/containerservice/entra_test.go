package containerservice_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/kubeguard"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const team = "cccccccc-0000-4000-8000-000000000003"

func withEntra(more string) string {
	return body(`"dnsPrefix":"demo"`, `"dnsPrefix":"demo","aadProfile":{"managed":true,"adminGroupObjectIDs":["`+team+`"]`+more+`}`)
}

// credential asks for a kubeconfig.
func (p *process) credential(action, query string) (*api.Config, error) {
	p.t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, a := range p.registry.Find(clusterID("demo").Type()).Actions {
		if a.Name != action {
			continue
		}
		response, err := a.Run(p.t.Context(), &providers.Request{Caller: caller(), Method: providers.Do, ID: clusterID("demo"), Old: p.get(clusterID("demo")), Query: values, Now: time.Now()})
		if err != nil {
			return nil, err
		}
		var handed struct {
			Kubeconfigs []struct {
				Name  string
				Value []byte
			}
		}
		p.decode(response, &handed)
		if strings.HasPrefix(string(handed.Kubeconfigs[0].Value), "admin of ") || strings.HasPrefix(string(handed.Kubeconfigs[0].Value), "user of ") {
			return nil, nil // one with a certificate
		}
		return clientcmd.Load(handed.Kubeconfigs[0].Value)
	}
	p.t.Fatalf("no action %s", action)
	return nil, nil
}

func TestEntraIntegration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	c := p.create("demo", withEntra(`,"enableAzureRBAC":true`))
	if c.ProvisioningState != resource.Succeeded {
		t.Fatal(c.ProvisioningState, w.calls)
	}
	is, err := resource.Read[struct{ AADProfile map[string]any }](c)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"managed": true, "adminGroupObjectIDs": []any{team}, "tenantID": tenant, "enableAzureRBAC": true}
	if diff := cmp.Diff(want, is.AADProfile); diff != "" {
		t.Errorf("aadProfile (-want +got):\n%s", diff)
	}

	var plane clusters.ControlPlane
	for _, plane = range w.planes {
	}
	t.Run("the API server asks the guard, with a secret of the cluster's own", func(t *testing.T) {
		if plane.Guard == nil || plane.Guard.AuthenticateURL != "https://168.63.129.16/kubernetes/"+plane.ID+"/authenticate" {
			t.Fatalf("the guard is %+v", plane.Guard)
		}
		got, err := p.provider.Guarded(t.Context(), plane.ID, plane.Guard.Secret)
		if err != nil || got.ID.Key() != clusterID("demo").Key() || got.TenantID != tenant || !got.AzureRBAC {
			t.Errorf("the guard knows %+v, %v", got, err)
		}
		for key, presented := range map[string]secret.String{plane.ID: secret.New("another"), "another": plane.Guard.Secret} {
			if _, err := p.provider.Guarded(t.Context(), key, presented); !errors.Is(err, kubeguard.ErrUnknown) {
				t.Errorf("%s with another's secret: %v", key, err)
			}
		}
	})
	t.Run("the groups are bound to cluster-admin", func(t *testing.T) {
		bound := w.sets[plane.ID]["aad-administrators"]
		if len(bound) != 1 || bound[0].GetName() != "aks-cluster-admin-binding-aad" || !strings.Contains(toJSON(t, bound[0].Object["subjects"]), team) {
			t.Errorf("bound is %v", bound)
		}
	})
	t.Run("the user's kubeconfig asks kubelogin", func(t *testing.T) {
		for _, query := range []string{"", "format=exec"} {
			config, err := p.credential("listClusterUserCredential", query)
			if err != nil {
				t.Fatal(err)
			}
			exec := config.AuthInfos["user"].Exec
			if exec == nil || exec.Command != "kubelogin" {
				t.Fatalf("it proves itself by %+v", config.AuthInfos["user"])
			}
			want := "get-token --environment AzurePublicCloud --server-id 6dae42f8-4368-4678-94ff-3960e28e3630 --client-id 80faf920-1908-4b52-b5ef-a8e7bedfc67a --tenant-id " + tenant +
				" --login devicecode --authority-host https://localhost:8443/ --disable-instance-discovery"
			if diff := cmp.Diff(want, strings.Join(exec.Args, " ")); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		}
		config, err := p.credential("listClusterUserCredential", "format=azure")
		if err != nil {
			t.Fatal(err)
		}
		if provider := config.AuthInfos["user"].AuthProvider; provider == nil || provider.Name != "azure" || provider.Config["tenant-id"] != tenant {
			t.Errorf("format=azure proves itself by %+v", config.AuthInfos["user"])
		}
	})
	t.Run("the administrator's has a certificate, until local accounts are disabled", func(t *testing.T) {
		if config, err := p.credential("listClusterAdminCredential", ""); err != nil || config != nil {
			t.Errorf("got %v, %v", config, err)
		}
		p.update("demo", change(`"disableLocalAccounts":true`))
		for _, action := range []string{"listClusterAdminCredential", "listClusterMonitoringUserCredential"} {
			_, err := p.credential(action, "")
			if e := rest.AsError(err); err == nil || e.Code != "BadRequest" || e.Message != "Getting static credential is not allowed because this cluster is set to disable local accounts." {
				t.Errorf("%s: %v", action, err)
			}
		}
		if _, err := p.credential("listClusterUserCredential", ""); err != nil {
			t.Errorf("the user's: %v", err)
		}
	})
	t.Run("no groups, no binding", func(t *testing.T) {
		p.update("demo", change(`"aadProfile":{"managed":true,"adminGroupObjectIDs":[]}`))
		if bound, ok := w.sets[plane.ID]["aad-administrators"]; ok {
			t.Errorf("bound is %v", bound)
		}
	})
}

func TestEntraIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	plain := func(more string) string { return body(`"dnsPrefix":"demo"`, `"dnsPrefix":"demo",`+more) }
	for _, tt := range []struct{ name, body, code, text string }{
		{"local accounts disabled without it", plain(`"disableLocalAccounts":true`), "BadRequest", "Since kubernetes version 1.25, disableLocalAccounts can only be set on Azure AD integration enabled cluster. Please integrate your cluster with AAD."},
		{"applications of the user's own", plain(`"aadProfile":{"clientAppID":"` + team + `","serverAppID":"` + team + `"}`), "BadRequest", "legacy"},
		{"without Kubernetes RBAC", plain(`"enableRBAC":false,"aadProfile":{"managed":true}`), "BadRequest", "requires Kubernetes RBAC"},
		{"a tenant by its name", plain(`"aadProfile":{"managed":true,"tenantID":"example.com"}`), "InvalidParameter", "'example.com' is not the ID of a tenant"},
		{"a group by its name", plain(`"aadProfile":{"managed":true,"adminGroupObjectIDs":["admins"]}`), "InvalidParameter", "'admins' is not the object ID of a group"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := p.put(clusterID("demo"), tt.body)
			if e := rest.AsError(err); err == nil || e.Code != tt.code || !strings.Contains(e.Message, tt.text) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("taking it away again", func(t *testing.T) {
		p.create("demo", withEntra(""))
		_, _, err := p.put(clusterID("demo"), change(`"aadProfile":{"managed":false}`))
		if e := rest.AsError(err); err == nil || e.Code != "PropertyChangeNotAllowed" {
			t.Errorf("got %v", err)
		}
		_, err = p.post(clusterID("demo"), "resetAADProfile", `{"clientAppID":"x"}`)
		if e := rest.AsError(err); err == nil || e.Code != "BadRequest" {
			t.Errorf("resetting it: %v", err)
		}
	})
	t.Run("the oldest way to a kubeconfig", func(t *testing.T) {
		id := clusterID("demo").Child("accessProfiles", "clusterUser")
		typ := p.registry.Find(id.Type())
		response, err := typ.Actions[0].Run(t.Context(), &providers.Request{Caller: caller(), Method: providers.Do, ID: id, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		var profile struct {
			Name       string
			Properties struct{ KubeConfig []byte }
		}
		p.decode(response, &profile)
		if profile.Name != "clusterUser" || !strings.Contains(string(profile.Properties.KubeConfig), "kubelogin") {
			t.Errorf("got %+v", profile)
		}
	})
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
