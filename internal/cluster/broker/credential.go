package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

// ExchangeAudience is whom a pod's service account token is for when it is exchanged.
const ExchangeAudience = "api://AzureADTokenExchange"

// mintedLifetime is the shortest that the API server mints. A token is used once, within seconds.
const mintedLifetime = 10 * time.Minute

// credential prepares to sign in as an identity, for a pod. It is made anew for each token: a secret that was rotated or a
// binding that went takes effect at once, and the agent remembers the tokens.
func (b *Broker) credential(ctx context.Context, identity *aadpodid.AzureIdentity, pod *corev1.Pod) (azcore.TokenCredential, error) {
	authority, err := b.authority(identity)
	if err != nil {
		return nil, err
	}
	tenant := identity.Spec.TenantID
	if tenant == "" {
		tenant = b.TenantID
	}
	options := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: authority, Services: b.Cloud.Services},
		Transport: b.Transport,
		Retry:     policy.RetryOptions{MaxRetries: 1, RetryDelay: 500 * time.Millisecond, TryTimeout: 5 * time.Second},
	}
	var credential azcore.TokenCredential
	client := identity.Spec.ClientID
	switch identity.Spec.Type {
	case aadpodid.ServicePrincipal:
		var data map[string][]byte
		if data, err = b.secret(ctx, identity); err != nil {
			return nil, err
		}
		var password string
		if password, err = clientSecret(data); err == nil {
			credential, err = azidentity.NewClientSecretCredential(tenant, client, password,
				&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		}
	case aadpodid.ServicePrincipalCertificate:
		var data map[string][]byte
		if data, err = b.secret(ctx, identity); err != nil {
			return nil, err
		}
		certificates, key, failed := clientCertificate(data)
		if err = failed; err == nil {
			credential, err = azidentity.NewClientCertificateCredential(tenant, client, certificates, key,
				&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true, SendCertificateChain: true})
		}
	case aadpodid.WorkloadIdentity:
		var assertion string
		if assertion, err = b.mint(ctx, pod); err != nil {
			return nil, err
		}
		credential, err = azidentity.NewClientAssertionCredential(tenant, client,
			func(context.Context) (string, error) { return assertion, nil },
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	case aadpodid.UserAssignedMSI:
		err = errors.New("managed identities come from the node's metadata service")
	}
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, brokerapi.CodeMisconfigured, "AzureIdentity %s/%s can't be used: %v", identity.Namespace, identity.Name, err)
	}
	return credential, nil
}

// authority is the token service of an identity. Its author doesn't choose freely: he may not be allowed to read the secret
// that is sent there.
func (b *Broker) authority(identity *aadpodid.AzureIdentity) (string, error) {
	wanted := strings.TrimSuffix(identity.Spec.ADEndpoint, "/")
	own := b.Cloud.ActiveDirectoryAuthorityHost
	if wanted == "" || strings.EqualFold(wanted, strings.TrimSuffix(own, "/")) {
		return own, nil
	}
	for _, allowed := range b.Authorities {
		if strings.EqualFold(wanted, strings.TrimSuffix(allowed, "/")) {
			return allowed, nil
		}
	}
	return "", refuse(http.StatusUnprocessableEntity, brokerapi.CodeMisconfigured,
		"AzureIdentity %s/%s can't be used: spec.adEndpoint is not a token service that mic may use (--broker-authority)", identity.Namespace, identity.Name)
}

// secret reads the secret that an identity names.
func (b *Broker) secret(ctx context.Context, identity *aadpodid.AzureIdentity) (map[string][]byte, error) {
	var secret corev1.Secret
	name := types.NamespacedName{Namespace: identity.Namespace, Name: identity.Spec.ClientPassword.Name}
	err := b.Live.Get(ctx, name, &secret)
	switch {
	case apierrors.IsForbidden(err):
		return nil, refuse(http.StatusUnprocessableEntity, brokerapi.CodeMisconfigured,
			"mic may not read secrets of namespace %s: name it in the chart's broker.secretNamespaces", identity.Namespace)
	case apierrors.IsNotFound(err):
		return nil, refuse(http.StatusUnprocessableEntity, brokerapi.CodeMisconfigured,
			"secret %s, which AzureIdentity %s/%s names, does not exist", name.Name, identity.Namespace, identity.Name)
	case err != nil:
		return nil, fmt.Errorf("reading a secret: %w", err)
	}
	return secret.Data, nil
}

// clientSecret finds the secret in a Secret: under the key that the predecessor's documents name, or under its only one. The
// predecessor took any.
func clientSecret(data map[string][]byte) (string, error) {
	if value, ok := data["clientSecret"]; ok {
		return strings.TrimSpace(string(value)), nil
	}
	if len(data) != 1 {
		return "", fmt.Errorf("the secret has %d keys and none is clientSecret", len(data))
	}
	for _, value := range data {
		return strings.TrimSpace(string(value)), nil
	}
	return "", errors.New("the secret is empty")
}

// mint gets the pod's own service account token, for the exchange alone.
func (b *Broker) mint(ctx context.Context, pod *corev1.Pod) (string, error) {
	seconds := int64(mintedLifetime / time.Second)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Spec.ServiceAccountName}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{ExchangeAudience}, ExpirationSeconds: &seconds,
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
	}}
	err := b.Kube.SubResource("token").Create(ctx, account, request)
	if apierrors.IsForbidden(err) {
		return "", refuse(http.StatusUnprocessableEntity, brokerapi.CodeMisconfigured,
			"mic may not mint tokens of service accounts of namespace %s: name it in the chart's broker.tokenNamespaces", pod.Namespace)
	}
	if err != nil {
		return "", fmt.Errorf("minting the pod's service account token: %w", err)
	}
	return request.Status.Token, nil
}

// explain turns a failure to sign in into an answer. What the token service says is passed on: it names what to do.
func explain(err error) error {
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil || failed.RawResponse.StatusCode >= 500 ||
		failed.RawResponse.StatusCode == http.StatusTooManyRequests {
		return fmt.Errorf("asking the token service: %w", err)
	}
	var document struct {
		Description string `json:"error_description"`
	}
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(failed.RawResponse.Body, most))
	if json.Unmarshal(body, &document) != nil || document.Description == "" {
		document.Description = http.StatusText(failed.RawResponse.StatusCode)
	}
	message, _, _ := strings.Cut(document.Description, "\r\n")
	return refuse(http.StatusBadGateway, brokerapi.CodeRefused, "the token service refused: %s", message)
}
