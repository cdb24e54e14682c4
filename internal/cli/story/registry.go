package story

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/lanyard-project/lanyard/internal/imagepull"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	registryName = "myContainerRegistry"
	loginServer  = "mycontainerregistry.azurecr.io"
	chartImages  = loginServer + "/lanyard"
	imageVersion = "0.1.0"

	// DemoImage is the program of seed 003's demo.yaml, in our registry instead of Microsoft's.
	DemoImage = loginServer + "/oss/azure/aad-pod-identity/demo:v1.6.3"

	roleAcrPull = "AcrPull"
)

// nodeImages are what a node has from its start, as one of AKS has; the others it
// pulls.
func nodeImages() []string { return []string{"pause", "coredns"} }

// fillRegistry makes a container registry and pushes the images that pods of the
// story run.
func (s *Story) fillRegistry(ctx context.Context) error {
	n := s.Narrator
	n.Command(fmt.Sprintf("az acr create --resource-group %s --name %s --sku Basic", resourceGroup, registryName),
		"az acr login --name "+registryName,
		"docker push "+chartImages+"/mic:"+imageVersion+"    # and nmi, demo")
	started := time.Now()
	id, err := s.azure.createRegistry(ctx)
	if err != nil {
		return err
	}
	s.env.registryID = id
	password, err := s.registryPassword(ctx)
	if err != nil {
		return err
	}
	for image, reference := range map[string]string{"mic": chartImages + "/mic:" + imageVersion, "nmi": chartImages + "/nmi:" + imageVersion, "demo": DemoImage} {
		if err := s.Cloud.Push(ctx, image, reference, imagepull.TokenUser, password); err != nil {
			return err
		}
	}
	n.Tick("images of mic, nmi and the demo pushed to %s after %.1f s", loginServer, time.Since(started).Seconds())
	return nil
}

// registryPassword is what az acr login gives to docker.
func (s *Story) registryPassword(ctx context.Context) (secret.String, error) {
	token, err := s.azure.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}})
	if err != nil {
		return secret.String{}, err
	}
	admin, err := s.Cloud.Administrator()
	if err != nil {
		return secret.String{}, err
	}
	client, err := s.Cloud.ByName()
	if err != nil {
		return secret.String{}, err
	}
	defer client.CloseIdleConnections()
	return imagepull.Exchange(ctx, client, loginServer, admin.TenantID, secret.New(token.Token))
}

// createRegistry returns the registry's ID.
func (a *azure) createRegistry(ctx context.Context) (string, error) {
	id := fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.ContainerRegistry/registries/%s", a.subscription, resourceGroup, registryName)
	poller, err := a.resources.BeginCreateOrUpdateByID(ctx, id, "2023-07-01", armresources.GenericResource{
		Location: to.Ptr(location), SKU: &armresources.SKU{Name: to.Ptr("Basic")}, Properties: map[string]any{},
	}, nil)
	if err != nil {
		return "", err
	}
	_, err = poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: pollEvery})
	return id, err
}
