package groups

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// discover asks a Resource Manager for the other addresses of its cloud.
func discover(ctx context.Context, c *command.Call, cloud *login.Cloud) error {
	transport, err := c.Transport(cloud)
	if err != nil {
		return err
	}
	address := cloud.ARM() + "/metadata/endpoints?api-version=2022-09-01"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := transport.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s for the cloud's addresses: %w", address, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	v, err := value.Decode(data)
	o, ok := v.(*value.Object)
	if err != nil || !ok || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s doesn't tell the cloud's addresses (HTTP %d): give them with --cloud-config", address, response.StatusCode)
	}
	set := func(target *value.Object, key string, v any) {
		if s, _ := v.(string); s != "" && target.String(key) == "" {
			target.Set(key, s)
		}
	}
	e := cloud.Endpoints
	set(e, "activeDirectory", o.At("authentication", "loginEndpoint"))
	if audiences := o.List("authentication", "audiences"); len(audiences) > 0 {
		set(e, "activeDirectoryResourceId", audiences[0])
	}
	for key, from := range map[string]string{"microsoftGraphResourceId": "microsoftGraphResourceId", "activeDirectoryGraphResourceId": "graph", "gallery": "gallery", "portal": "portal", "sqlManagement": "sqlManagement", "batchResourceId": "batch"} {
		set(e, key, o.At(from))
	}
	set(e, "management", cloud.ARM()+"/")
	for key, from := range map[string]string{"keyvaultDns": "keyVaultDns", "storageEndpoint": "storage", "acrLoginServerEndpoint": "acrLoginServer", "sqlServerHostname": "sqlServerHostname"} {
		set(cloud.Suffixes, key, o.At("suffixes", from))
	}
	return nil
}
