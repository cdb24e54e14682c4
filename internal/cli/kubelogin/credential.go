package kubelogin

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
)

// credential is the source of tokens of a mode.
func (o *options) credential(_ context.Context, c *command.Call) (azcore.TokenCredential, error) {
	switch o.mode {
	case servicePrincipal:
		return o.servicePrincipal()
	case managedIdentity:
		return o.managedIdentity()
	case workloadIdentity:
		if o.federated == "" {
			return nil, command.Usage("--login workloadidentity needs the workload's token: --federated-token-file or $AZURE_FEDERATED_TOKEN_FILE")
		}
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: o.clientOptions(), ClientID: o.client, TenantID: o.tenant, TokenFilePath: o.federated, DisableInstanceDiscovery: o.anyHost,
		})
	case commandLine:
		return o.signedIn(c)
	}
	return newPerson(o, c.Program.Err)
}

func (o *options) servicePrincipal() (azcore.TokenCredential, error) {
	switch {
	case o.client == "" || o.tenant == "":
		return nil, command.Usage("--login spn needs --client-id ($AZURE_CLIENT_ID) and --tenant-id ($AZURE_TENANT_ID)")
	case !o.secret.IsZero():
		return azidentity.NewClientSecretCredential(o.tenant, o.client, o.secret.Reveal(), &azidentity.ClientSecretCredentialOptions{
			ClientOptions: o.clientOptions(), DisableInstanceDiscovery: o.anyHost,
		})
	case o.certificate == "":
		return nil, command.Usage("--login spn needs --client-secret ($AZURE_CLIENT_SECRET) or --client-certificate ($AZURE_CLIENT_CERTIFICATE_PATH)")
	}
	data, err := os.ReadFile(o.certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	certificates, key, err := azidentity.ParseCertificates(data, []byte(o.certificatePassword.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate %s (PEM with its private key, or PKCS 12, is needed): %w", o.certificate, err)
	}
	return azidentity.NewClientCertificateCredential(o.tenant, o.client, certificates, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: o.clientOptions(), DisableInstanceDiscovery: o.anyHost,
	})
}

// managedIdentity asks the metadata service of the machine or pod. Where the kubeconfig still names the application for
// people, the machine's own identity is meant.
func (o *options) managedIdentity() (azcore.TokenCredential, error) {
	which := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: policy.ClientOptions{Transport: &http.Client{Transport: &http.Transport{}}}}
	switch {
	case o.identity != "":
		which.ID = azidentity.ResourceID(o.identity)
	case o.client != "" && o.client != peoplesApp:
		which.ID = azidentity.ClientID(o.client)
	}
	return azidentity.NewManagedIdentityCredential(which)
}

// signedIn is who signed in with `lanyard login`.
func (o *options) signedIn(c *command.Call) (azcore.TokenCredential, error) {
	cloud, err := c.Cloud()
	if err != nil {
		return nil, err
	}
	subscription, err := c.Subscription()
	if err != nil {
		return nil, err
	}
	credential, err := c.Folder().Credential(cloud.Name, subscription.User.Name)
	if err != nil {
		return nil, err
	}
	transport, err := c.Transport(cloud)
	if err != nil {
		return nil, err
	}
	return credential.Token(o.tenant, login.Options{Cloud: cloud, Transport: transport, Folder: c.Folder()})
}
