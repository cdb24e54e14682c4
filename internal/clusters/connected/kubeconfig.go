package connected

import (
	"errors"
	"fmt"
	"net/url"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// Kubeconfig is the way to one cluster: a server, its authority, and a credential that is written out.
type Kubeconfig struct {
	Server  *url.URL
	cluster *api.Cluster
	user    *api.AuthInfo
}

// longestKubeconfig bounds what is read: of one cluster and one user.
const longestKubeconfig = 256 << 10

// Parse reads a kubeconfig and takes the context of that name, or the current one, out of it. What would make its reader
// run a program, read a file, or believe any server is refused, with what to do instead.
func Parse(raw []byte, context string) (Kubeconfig, error) {
	if len(raw) > longestKubeconfig {
		return Kubeconfig{}, fmt.Errorf("it has %d bytes, and at most %d are taken: leave in it the one context that is meant (kubectl config view --minify --flatten)", len(raw), longestKubeconfig)
	}
	all, err := clientcmd.Load(raw)
	if err != nil {
		return Kubeconfig{}, errors.New("it isn't a kubeconfig") // what can't be read may be a secret
	}
	if context == "" {
		context = all.CurrentContext
	}
	chosen, ok := all.Contexts[context]
	if !ok {
		return Kubeconfig{}, fmt.Errorf("it has no context %q", context)
	}
	cluster, user := all.Clusters[chosen.Cluster], all.AuthInfos[chosen.AuthInfo]
	if cluster == nil || user == nil {
		return Kubeconfig{}, fmt.Errorf("its context %q names a cluster or a user that it doesn't have", context)
	}
	if err := errors.Join(checkCluster(cluster), checkUser(user)); err != nil {
		return Kubeconfig{}, err
	}
	server, err := url.Parse(cluster.Server)
	if err != nil || server.Scheme != "https" || server.Host == "" || server.User != nil {
		return Kubeconfig{}, fmt.Errorf("its server %q isn't an https URL", cluster.Server)
	}
	return Kubeconfig{
		Server:  server,
		cluster: &api.Cluster{Server: cluster.Server, TLSServerName: cluster.TLSServerName, CertificateAuthorityData: cluster.CertificateAuthorityData},
		user:    &api.AuthInfo{ClientCertificateData: user.ClientCertificateData, ClientKeyData: user.ClientKeyData, Token: user.Token},
	}, nil
}

func checkCluster(c *api.Cluster) error {
	switch {
	case c.CertificateAuthority != "":
		return errors.New("it names a file with the server's authority: write it in (kubectl config view --minify --flatten)")
	case c.InsecureSkipTLSVerify:
		return errors.New("it believes any server: give it the authority's certificate instead of insecure-skip-tls-verify")
	case len(c.CertificateAuthorityData) == 0:
		return errors.New("it lacks certificate-authority-data, by which the server is known")
	case c.ProxyURL != "":
		return errors.New("it goes through a proxy, which isn't offered")
	}
	return nil
}

func checkUser(u *api.AuthInfo) error {
	switch {
	case u.Exec != nil || u.AuthProvider != nil:
		return errors.New("its user gets a credential by running a program, which isn't done here: give it the token of a service account (kubectl create token) or a client certificate")
	case u.ClientCertificate != "" || u.ClientKey != "" || u.TokenFile != "":
		return errors.New("it names files with its user's credential: write them in (kubectl config view --minify --flatten)")
	case u.Impersonate != "" || u.ImpersonateUID != "" || len(u.ImpersonateGroups) > 0:
		return errors.New("its user impersonates another one, which isn't offered: give it that one's own credential")
	case u.Token == "" && (len(u.ClientCertificateData) == 0 || len(u.ClientKeyData) == 0):
		return errors.New("its user has neither a token nor a client certificate with its key")
	}
	return nil
}

// Write gives the kubeconfig, with these names for what is in it.
func (k Kubeconfig) Write(cluster, user string) (secret.String, error) {
	config := api.NewConfig()
	config.Clusters[cluster], config.AuthInfos[user] = k.cluster, k.user
	config.Contexts[cluster] = &api.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = cluster
	raw, err := clientcmd.Write(*config)
	if err != nil {
		return secret.String{}, fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return secret.New(string(raw)), nil
}
