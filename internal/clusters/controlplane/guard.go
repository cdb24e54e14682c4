package controlplane

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/clusters/pki"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Guard is what the API server asks about tokens that aren't its own, and
// about users whom such tokens speak for.
type Guard struct {
	// AuthenticateURL takes TokenReviews, AuthorizeURL SubjectAccessReviews.
	AuthenticateURL string
	AuthorizeURL    string
	// CA certifies both, in PEM.
	CA []byte
	// Secret is what the API server shows there. It is written to the control
	// plane's disk and nowhere else; none leaves the one that is there.
	Secret secret.String `json:"-"`
}

const (
	authenticateConf = "/etc/kubernetes/authenticate.conf"
	authorizeConf    = "/etc/kubernetes/authorize.conf"
	authorization    = "/etc/kubernetes/authorization.yaml"
)

// authorizers: Kubernetes' own first. The guard is asked about users only who
// came by one of its tokens (it gives them an object ID), so that no service
// account waits for it; when it doesn't answer, the others' word stands. What
// it says is remembered for seconds: a role that is taken away is to be felt.
const authorizers = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- {type: Node, name: node}
- {type: RBAC, name: rbac}
- type: Webhook
  name: guard
  webhook:
    authorizedTTL: 5s
    unauthorizedTTL: 1s
    timeout: 10s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    failurePolicy: NoOpinion
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: ` + authorizeConf + `}
    matchConditions:
    - expression: has(request.extra) && 'oid' in request.extra
`

// write puts its files onto the control plane's disk.
func (g *Guard) write(s Settings) error {
	if g == nil || g.Secret.IsZero() {
		return nil
	}
	for file, url := range map[string]string{authenticateConf: g.AuthenticateURL, authorizeConf: g.AuthorizeURL} {
		conf, err := pki.Encode("guard", "guard", s.Name,
			&api.Cluster{Server: url, CertificateAuthorityData: g.CA}, &api.AuthInfo{Token: g.Secret.Reveal()})
		if err != nil {
			return err
		}
		if err := s.Disk.Write(file, conf, 0o600); err != nil {
			return fmt.Errorf("telling the API server where its guard is: %w", err)
		}
	}
	return s.Disk.Write(authorization, []byte(authorizers), 0o600)
}

// args are the flags of kube-apiserver.
func (g *Guard) args() []string {
	if g == nil {
		return []string{"--authorization-mode=Node,RBAC"}
	}
	return []string{
		"--authentication-token-webhook-config-file=" + authenticateConf,
		"--authentication-token-webhook-version=v1",
		"--authentication-token-webhook-cache-ttl=5s",
		"--authorization-config=" + authorization,
	}
}
