// Package settings reads what a cluster's own programs have to know of the cloud:
// the file azure.json of the control plane, and whom they sign in as.
//
// It stands below cloudprovider and above cluster/cloudconfig, which reads the part
// of the file that says how to sign in. A managed identity's tokens come from a
// socket that the control plane alone can reach, by the wire format of instance
// metadata; a service principal signs in by itself. Nothing is kept: the programs
// end when the file changes or their token is refused, and are started again.
package settings

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/cluster/cloudconfig"
)

// Settings are the fields of azure.json by the names of cloud-provider-azure.
type Settings struct {
	SubscriptionID    string `json:"subscriptionId"`
	ResourceGroup     string `json:"resourceGroup"`
	Location          string `json:"location"`
	VNetName          string `json:"vnetName"`
	VNetResourceGroup string `json:"vnetResourceGroup"`
	SubnetName        string `json:"subnetName"`
	SecurityGroupName string `json:"securityGroupName"`
	RouteTableName    string `json:"routeTableName"`

	signIn  *cloudconfig.Config
	answers *answers
}

// Read reads the file.
func Read(path string) (*Settings, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading cloud config: %w", err)
	}
	s := &Settings{answers: newAnswers()}
	if s.signIn, err = cloudconfig.Read(path, os.Getenv); err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(raw, s); err != nil {
		return nil, errors.New("reading cloud config: it isn't JSON with the fields of azure.json") // the error may quote a secret
	}
	if s.SubscriptionID == "" || s.ResourceGroup == "" || s.Location == "" {
		return nil, fmt.Errorf("cloud config %s needs subscriptionId, resourceGroup and location", path)
	}
	if s.VNetResourceGroup == "" {
		s.VNetResourceGroup = s.ResourceGroup
	}
	return s, nil
}

// Group is the resource group of the nodes.
func (s *Settings) Group() armid.ID { return armid.ResourceGroup(s.SubscriptionID, s.ResourceGroup) }

// VNet is the network of the nodes.
func (s *Settings) VNet() armid.ID {
	return armid.ResourceGroup(s.SubscriptionID, s.VNetResourceGroup).Extension("Microsoft.Network", "virtualNetworks", s.VNetName)
}

// Client is a signed-in client's credential and options. socket is where a managed
// identity's tokens come from; "" is the instance metadata service.
//
// Retries of the SDK are few: the controllers have queues that wait longer, and
// say what they wait for.
func (s *Settings) Client(socket string) (azcore.TokenCredential, *arm.ClientOptions, error) {
	endpoints, err := s.signIn.Endpoints()
	if err != nil {
		return nil, nil, err
	}
	options := policy.ClientOptions{
		Cloud: endpoints, Telemetry: policy.TelemetryOptions{ApplicationID: "cloud-provider"},
		Retry: policy.RetryOptions{MaxRetries: 2, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 30 * time.Second},
	}
	credential, err := s.credential(socket, options)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing to sign in: %w", err)
	}
	options.PerRetryPolicies = []policy.Policy{s.answers} // of ARM's clients alone
	return credential, &arm.ClientOptions{ClientOptions: options, DisableRPRegistration: true}, nil
}

func (s *Settings) credential(socket string, options policy.ClientOptions) (azcore.TokenCredential, error) {
	if !s.signIn.UseManagedIdentityExtension || socket == "" {
		return s.signIn.Credential(options.Cloud)
	}
	options.Transport = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	// Without an ID: whose socket it is decides.
	return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: options})
}
