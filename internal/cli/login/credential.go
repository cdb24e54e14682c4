package login

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/lanyard-project/lanyard/internal/secret"
)

const credentialsFile = "credentials.json"

// Kind is a way to sign in.
type Kind string

// The ways to sign in.
const (
	Secret          Kind = "secret"
	Certificate     Kind = "certificate"
	Federated       Kind = "federated"
	ManagedIdentity Kind = "managedIdentity"
	Person          Kind = "user"
)

// Credential is what is needed to sign in again.
type Credential struct {
	Kind   Kind
	Cloud  string
	Tenant string
	// ClientID is the application, or the client ID, object ID or resource ID by which
	// a user-assigned identity is asked for.
	ClientID string
	// Secret is the client secret, or the federated token.
	Secret secret.String
	// CertificateFile holds certificate and key.
	CertificateFile string
	// SendChain adds the certificate chain to assertions, for subject-name rules.
	SendChain bool
	// User is the name of a person.
	User string
}

// Name is how the profile names the user of the credential.
func (c *Credential) Name() string {
	switch {
	case c.Kind == Person:
		return c.User
	case c.Kind == ManagedIdentity && c.ClientID == "":
		return "systemAssignedIdentity"
	case c.Kind == ManagedIdentity:
		return "userAssignedIdentity"
	}
	return c.ClientID
}

// Profile is the user of the credential as the profile shows it.
func (c *Credential) Profile() User {
	switch c.Kind {
	case Person:
		return User{Name: c.User, Type: "user"}
	case ManagedIdentity:
		return User{Name: c.Name(), Type: "servicePrincipal", AssignedIdentity: strings.TrimSuffix("MSI"+c.identityKind()+"-"+c.ClientID, "-")}
	}
	return User{Name: c.Name(), Type: "servicePrincipal"}
}

func (c *Credential) identityKind() string {
	switch {
	case c.ClientID == "":
		return ""
	case strings.HasPrefix(c.ClientID, "/"):
		return "Resource"
	}
	return "Client"
}

// credentialFile is a Credential as it is written: here the secret is revealed, into
// a file that only the user can read.
type credentialFile struct {
	Kind            Kind   `json:"kind"`
	Cloud           string `json:"cloud"`
	Tenant          string `json:"tenant,omitempty"`
	ClientID        string `json:"clientId,omitempty"`
	Secret          string `json:"secret,omitempty"`
	CertificateFile string `json:"certificateFile,omitempty"`
	SendChain       bool   `json:"sendChain,omitempty"`
	User            string `json:"user,omitempty"`
}

func (f Folder) credentials() ([]credentialFile, error) {
	var list []credentialFile
	err := f.read(credentialsFile, &list)
	return list, err
}

func (c credentialFile) credential() *Credential {
	return &Credential{Kind: c.Kind, Cloud: c.Cloud, Tenant: c.Tenant, ClientID: c.ClientID, Secret: secret.New(c.Secret), CertificateFile: c.CertificateFile, SendChain: c.SendChain, User: c.User}
}

// SaveCredential keeps a credential for later commands.
func (f Folder) SaveCredential(c *Credential) error {
	list, err := f.credentials()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(old credentialFile) bool {
		return strings.EqualFold(old.Cloud, c.Cloud) && old.credential().Name() == c.Name()
	})
	return f.write(credentialsFile, append(list, credentialFile{c.Kind, c.Cloud, c.Tenant, c.ClientID, c.Secret.Reveal(), c.CertificateFile, c.SendChain, c.User}))
}

func (f Folder) removeCredential(cloud, user string) error {
	list, err := f.credentials()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c credentialFile) bool {
		return strings.EqualFold(c.Cloud, cloud) && strings.EqualFold(c.credential().Name(), user)
	})
	if err := f.write(credentialsFile, list); err != nil {
		return err
	}
	return f.remove(tokensFile)
}

// Credential finds the credential of a user of a cloud.
func (f Folder) Credential(cloud, user string) (*Credential, error) {
	list, err := f.credentials()
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		if found := c.credential(); strings.EqualFold(c.Cloud, cloud) && strings.EqualFold(found.Name(), user) {
			return found, nil
		}
	}
	return nil, ErrSignedOut
}

// Options say how tokens are asked for.
type Options struct {
	Cloud     *Cloud
	Transport *http.Client
	// Folder keeps tokens between commands.
	Folder Folder
	// Fresh passes tokens by that are kept already: who signs in has to prove it now.
	Fresh bool
	// Tell shows a person what to do to sign in with a device code.
	Tell func(message string)
}

func (o Options) client() policy.ClientOptions {
	return policy.ClientOptions{Cloud: o.Cloud.Configuration(), Transport: o.Transport}
}

// Token makes a source of tokens for a tenant. Nothing is asked yet.
func (c *Credential) Token(tenant string, o Options) (azcore.TokenCredential, error) {
	if tenant == "" {
		tenant = c.Tenant
	}
	source, err := c.source(tenant, o)
	if err != nil {
		return nil, err
	}
	return &cached{source: source, folder: o.Folder, fresh: o.Fresh, key: strings.Join([]string{o.Cloud.Authority(), tenant, c.Name(), c.ClientID}, "|")}, nil
}

func (c *Credential) source(tenant string, o Options) (azcore.TokenCredential, error) {
	options, known := o.client(), !o.Cloud.Known()
	switch c.Kind {
	case Secret:
		return azidentity.NewClientSecretCredential(tenant, c.ClientID, c.Secret.Reveal(), &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: known})
	case Certificate:
		certificates, key, err := readCertificate(c.CertificateFile, c.Secret)
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientCertificateCredential(tenant, c.ClientID, certificates, key, &azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: known, SendCertificateChain: c.SendChain})
	case Federated:
		assertion := func(context.Context) (string, error) { return c.Secret.Reveal(), nil }
		return azidentity.NewClientAssertionCredential(tenant, c.ClientID, assertion, &azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: known})
	case ManagedIdentity:
		identity := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: policy.ClientOptions{Transport: &http.Client{Transport: &http.Transport{}}}}
		if strings.HasPrefix(c.ClientID, "/") {
			identity.ID = azidentity.ResourceID(c.ClientID)
		} else if c.ClientID != "" {
			identity.ID = azidentity.ClientID(c.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(identity)
	case Person:
		return newPerson(c.User, tenant, o)
	}
	return nil, fmt.Errorf("the stored credential is of an unknown kind %q: sign in again", c.Kind)
}

func readCertificate(file string, password secret.String) ([]*x509.Certificate, crypto.PrivateKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the certificate: %w", err)
	}
	var passphrase []byte
	if !password.IsZero() {
		passphrase = []byte(password.Reveal())
	}
	certificates, key, err := azidentity.ParseCertificates(data, passphrase)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the certificate %s (PEM with its private key, or PKCS 12, is needed): %w", file, err)
	}
	if key == nil {
		return nil, nil, errors.New("the file has a certificate but no private key")
	}
	return certificates, key, nil
}
