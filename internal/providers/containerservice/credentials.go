package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/kubeguard"
	"github.com/lanyard-project/lanyard/internal/providers"
)

type kubeconfigs struct {
	Kubeconfigs []kubeconfig `json:"kubeconfigs"`
}

type kubeconfig struct {
	Name  string `json:"name"`
	Value []byte `json:"value"` // base64 on the wire
}

// The accounts of a cluster, as their kubeconfigs are called.
const (
	clusterAdmin      = "clusterAdmin"
	clusterUser       = "clusterUser"
	clusterMonitoring = "clusterMonitoringUser"
)

// handOut answers with the kubeconfig of an account.
func (p *Provider) handOut(name string) func(context.Context, *providers.Request) (rest.Response, error) {
	return func(ctx context.Context, r *providers.Request) (rest.Response, error) {
		content, err := p.kubeconfig(ctx, r, name)
		if err != nil {
			return rest.Response{}, err
		}
		return rest.OK(kubeconfigs{Kubeconfigs: []kubeconfig{{Name: name, Value: content}}}), nil
	}
}

// accessProfiles is the oldest way to ask for a kubeconfig, which clients go on using:
// accessProfiles/clusterUser/listCredential.
func (p *Provider) accessProfiles() *providers.Type {
	typ := p.parts("managedClusters/accessProfiles", namespace+"/ManagedClusters/AccessProfiles", []string{clusterAdmin, clusterUser}, func(ctx context.Context, id armid.ID) (object, error) {
		_, err := p.readCluster(ctx, id.Parent())
		return object{}, err
	})
	typ.Actions = []providers.Action{{Name: "listCredential", Run: func(ctx context.Context, r *providers.Request) (rest.Response, error) {
		cluster, err := p.Resources.Get(ctx, r.ID.Parent())
		if err != nil {
			return rest.Response{}, err
		}
		asked := *r
		asked.ID, asked.Old = cluster.ID, cluster
		content, err := p.kubeconfig(ctx, &asked, r.ID.Name())
		if err != nil {
			return rest.Response{}, err
		}
		return rest.OK(object{
			"id": lowerGroupSegment(r.ID), "name": r.ID.Name(), "type": typ.WireType, "location": cluster.Location, "properties": object{"kubeConfig": content},
		}), nil
	}}}
	return typ
}

// kubeconfig issues one: with a certificate of the cluster's for its local accounts, and for the user account of a cluster
// with Microsoft Entra integration one that holds no credential.
func (p *Provider) kubeconfig(ctx context.Context, r *providers.Request, name string) ([]byte, error) {
	format := strings.ToLower(r.Query.Get("format"))
	if format != "" && format != "azure" && format != "exec" {
		return nil, invalidParameter("format", "'%s' is neither azure nor exec", r.Query.Get("format"))
	}
	s, err := readState(r.Old)
	if err != nil {
		return nil, err
	}
	is, err := resource.Read[properties](r.Old)
	if err != nil {
		return nil, err
	}
	if is.connected() {
		content, err := p.connectedKubeconfig(r, s, name)
		return []byte(content.Reveal()), err
	}
	if p.Engine == nil {
		return nil, noEngine()
	}
	entra := is.AADProfile != nil && name == clusterUser
	if is.DisableLocalAccounts && !entra {
		return nil, refused("BadRequest", "Getting static credential is not allowed because this cluster is set to disable local accounts.", "")
	}
	url := serverURL(s.Port)
	if is.APIServerAccessProfile.EnablePrivateCluster {
		url = "https://" + is.PrivateFQDN + ":443"
	} else if s.Port == 0 {
		return nil, &rest.Error{Status: http.StatusConflict, Code: "ControlPlaneNotFound",
			Message: "The control plane of managed cluster '" + r.ID.Name() + "' isn't there yet: its provisioning state is " + r.Old.ProvisioningState + "."}
	}
	var content []byte
	switch {
	case entra:
		content, err = p.Engine.OpenKubeconfig(ctx, s.Key, url, p.signIn(is.AADProfile.TenantID, format))
	case name == clusterAdmin:
		content, err = p.Engine.AdminKubeconfig(ctx, s.Key, url)
	case name == clusterMonitoring:
		content, err = p.Engine.MonitoringKubeconfig(ctx, s.Key, url)
	default:
		content, err = p.Engine.UserKubeconfig(ctx, s.Key, url)
	}
	if err != nil {
		return nil, fmt.Errorf("issuing a kubeconfig: %w", err)
	}
	return content, nil
}

const installHint = `
kubelogin is not installed which is required to connect to AAD enabled cluster.

To learn more, please go to https://aka.ms/aks/kubelogin
`

// signIn says how kubectl gets a token: by kubelogin, with the arguments that AKS gives it and those that lead it to this
// cloud; or by the provider that kubectl had built in until 1.25.
func (p *Provider) signIn(tenantID, format string) *api.AuthInfo {
	if format == "azure" {
		return &api.AuthInfo{AuthProvider: &api.AuthProviderConfig{Name: "azure", Config: map[string]string{
			"apiserver-id": kubeguard.ServerApp, "client-id": kubeguard.ClientApp, "config-mode": "1", "environment": "AzurePublicCloud", "tenant-id": tenantID,
		}}}
	}
	return &api.AuthInfo{Exec: &api.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1beta1", Command: "kubelogin", InstallHint: installHint, InteractiveMode: api.IfAvailableExecInteractiveMode,
		Args: []string{
			"get-token", "--environment", "AzurePublicCloud", "--server-id", kubeguard.ServerApp, "--client-id", kubeguard.ClientApp, "--tenant-id", tenantID, "--login", "devicecode",
			"--authority-host", p.Origin + "/", "--disable-instance-discovery",
		},
	}}
}

// resetEntra is az aks update-credentials --reset-aad, which gave a cluster other applications for the integration that
// had some: AKS's own can't be changed.
func (p *Provider) resetEntra(_ context.Context, r *providers.Request) (rest.Response, error) {
	var sent aadProfile
	if err := json.Unmarshal(r.Body, &sent); err != nil {
		return rest.Response{}, rest.InvalidRequestContent("the AAD profile can't be read")
	}
	is, err := resource.Read[properties](r.Old)
	if err != nil {
		return rest.Response{}, err
	}
	if is.AADProfile == nil {
		return rest.Response{}, refused("BadRequest", "Resetting the AAD profile is not allowed: managed cluster '"+r.ID.Name()+"' has no Azure AD integration. Enable it with az aks update --enable-aad.", "aadProfile")
	}
	return rest.Response{}, refused("BadRequest", "Resetting the AAD profile is not allowed: managed cluster '"+r.ID.Name()+"' uses AKS-managed Azure AD, which has no applications of its own.", "aadProfile")
}
