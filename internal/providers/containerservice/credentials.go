package containerservice

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

type kubeconfigs struct {
	Kubeconfigs []kubeconfig `json:"kubeconfigs"`
}

type kubeconfig struct {
	Name  string `json:"name"`
	Value []byte `json:"value"` // base64 on the wire
}

func (p *Provider) handOut(name string, issue func(ctx context.Context, clusterID, serverURL string) ([]byte, error)) func(context.Context, *providers.Request) (rest.Response, error) {
	return func(ctx context.Context, r *providers.Request) (rest.Response, error) {
		if format := r.Query.Get("format"); format != "" && !strings.EqualFold(format, "azure") && !strings.EqualFold(format, "exec") {
			return rest.Response{}, invalidParameter("format", "'%s' is neither azure nor exec", format)
		}
		s, err := readState(r.Old)
		if err != nil {
			return rest.Response{}, err
		}
		is, err := resource.Read[properties](r.Old)
		if err != nil {
			return rest.Response{}, err
		}
		url := serverURL(s.Port)
		if is.APIServerAccessProfile.EnablePrivateCluster {
			url = "https://" + is.PrivateFQDN + ":443"
		} else if s.Port == 0 {
			return rest.Response{}, &rest.Error{Status: http.StatusConflict, Code: "ControlPlaneNotFound",
				Message: "The control plane of managed cluster '" + r.ID.Name() + "' isn't there yet: its provisioning state is " + r.Old.ProvisioningState + "."}
		}
		content, err := issue(ctx, s.Key, url)
		if err != nil {
			return rest.Response{}, fmt.Errorf("issuing a kubeconfig: %w", err)
		}
		return rest.OK(kubeconfigs{Kubeconfigs: []kubeconfig{{Name: name, Value: content}}}), nil
	}
}
