package pki

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// ProgramKubeconfig is a program's kubeconfig. It names files, so that the
// program notices a renewed certificate.
func ProgramKubeconfig(server, authority string, client KeyPair) ([]byte, error) {
	return Encode("default", "default", "default",
		&api.Cluster{Server: server, CertificateAuthority: authority},
		&api.AuthInfo{ClientCertificate: client.Certificate, ClientKey: client.Key})
}

// Person is whom a kubeconfig is made for.
type Person struct {
	Cluster string
	Context string
	// User is the name of the credential in the file.
	User    string
	Server  string
	Request Request
}

// Kubeconfig issues a kubeconfig that holds all it needs, to be handed out.
func (a *Authority) Kubeconfig(p Person) ([]byte, error) {
	key, certificate, err := a.fresh(p.Request)
	if err != nil {
		return nil, err
	}
	authority, err := a.CertificatePEM()
	if err != nil {
		return nil, fmt.Errorf("reading authority: %w", err)
	}
	return Encode(p.Context, p.Cluster, p.User,
		&api.Cluster{Server: p.Server, CertificateAuthorityData: authority},
		&api.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key})
}

// Without is a kubeconfig that holds no credential of the authority's: who it
// is for proves himself in another way.
func (a *Authority) Without(p Person, proof *api.AuthInfo) ([]byte, error) {
	authority, err := a.CertificatePEM()
	if err != nil {
		return nil, fmt.Errorf("reading authority: %w", err)
	}
	return Encode(p.Context, p.Cluster, p.User, &api.Cluster{Server: p.Server, CertificateAuthorityData: authority}, proof)
}

// Encode writes a kubeconfig of one cluster and one user.
func Encode(context, cluster, user string, c *api.Cluster, u *api.AuthInfo) ([]byte, error) {
	cfg := api.NewConfig()
	cfg.Clusters[cluster] = c
	cfg.AuthInfos[user] = u
	cfg.Contexts[context] = &api.Context{Cluster: cluster, AuthInfo: user}
	cfg.CurrentContext = context
	b, err := clientcmd.Write(*cfg)
	if err != nil {
		return nil, fmt.Errorf("encoding kubeconfig: %w", err)
	}
	return b, nil
}
