package connected

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lanyard-project/lanyard/internal/clusters/objects"
)

// Clusters speaks to connected clusters. It keeps no connections: there is little to say.
type Clusters struct {
	// Patience bounds one conversation, but for Apply, whose caller says for how long it is waited; 0 means 15 seconds.
	Patience time.Duration
}

// Facts are what a cluster says of itself.
type Facts struct {
	// Cluster tells it from all others: the UID of its namespace kube-system.
	Cluster string
	// Version is that of Kubernetes, without "v" and without what a distribution adds.
	Version string
	// Issuer is the "iss" of its service account tokens, and Keys the key set that verifies them.
	Issuer string
	Keys   []byte
}

func (c Clusters) patience() time.Duration {
	if c.Patience == 0 {
		return 15 * time.Second
	}
	return c.Patience
}

// Look asks the cluster who it is, and whether the kubeconfig's user may do all that connecting takes.
func (from Clusters) Look(ctx context.Context, k Kubeconfig) (f Facts, err error) {
	err = from.in(ctx, k, func(ctx context.Context, c conversation) error {
		version, err := c.Discovery().ServerVersion()
		if err != nil {
			return fmt.Errorf("asking for its version: %w", err)
		}
		f.Version, _, _ = strings.Cut(strings.TrimPrefix(version.GitVersion, "v"), "+")
		f.Version, _, _ = strings.Cut(f.Version, "-")
		review, err := c.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "*", Group: "*", Resource: "*"}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking what its user may do: %w", err)
		}
		if !review.Status.Allowed {
			return ErrNotAdministrator
		}
		system, err := c.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("asking for its namespace kube-system: %w", err)
		}
		f.Cluster = string(system.UID)
		if f.Issuer, f.Keys, err = c.issuer(ctx); err != nil {
			return err
		}
		return f.check()
	})
	if err != nil {
		return Facts{}, err
	}
	return f, nil
}

// ErrNotAdministrator is Look's for a user who isn't bound to cluster-admin.
var ErrNotAdministrator = errors.New("its user isn't an administrator of the cluster: bind it to the ClusterRole cluster-admin")

func (c conversation) issuer(ctx context.Context) (issuer string, keys []byte, err error) {
	raw, err := c.Discovery().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("asking for the issuer of its tokens: %w", err)
	}
	var document struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(raw, &document); err != nil || document.Issuer == "" {
		return "", nil, errors.New("it doesn't say who issues its tokens")
	}
	keys, err = c.Discovery().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("asking for the keys of its tokens: %w", err)
	}
	if !json.Valid(keys) {
		return "", nil, errors.New("the keys of its tokens can't be read")
	}
	return document.Issuer, keys, nil
}

// Apply brings a set of Kubernetes objects into the cluster. See objects.Apply.
func (from Clusters) Apply(ctx context.Context, k Kubeconfig, set objects.Set) error {
	return from.talk(k, func(c conversation) error {
		to, err := ctrl.New(c.config, ctrl.Options{HTTPClient: c.http})
		if err != nil {
			return err
		}
		return objects.Apply(ctx, to, set)
	})
}

// Missing names the objects that were brought into the cluster and are there no more.
func (from Clusters) Missing(ctx context.Context, k Kubeconfig) (gone []string, err error) {
	err = from.in(ctx, k, func(ctx context.Context, c conversation) error {
		to, err := ctrl.New(c.config, ctrl.Options{HTTPClient: c.http})
		if err != nil {
			return err
		}
		gone, err = objects.Missing(ctx, to)
		return err
	})
	return gone, err
}

// Account is whom a service account's token speaks for.
type Account struct {
	// Name is "system:serviceaccount:NAMESPACE:NAME".
	Name string
	// Node is that of the pod that the token is bound to; "" if the cluster doesn't tell.
	Node string
}

// ErrUnknownToken is Review's for a token that isn't of the cluster, isn't for the audience, or isn't good any more.
var ErrUnknownToken = errors.New("the token isn't one of the cluster's for this audience")

// Review asks the cluster itself whom a token speaks for: one whose pod is gone is good for nothing.
func (from Clusters) Review(ctx context.Context, k Kubeconfig, token, audience string) (a Account, err error) {
	err = from.in(ctx, k, func(ctx context.Context, c conversation) error {
		review, err := c.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking whom a token speaks for: %w", err)
		}
		// An API server that knows no audiences answers for all of them: it says which it looked at.
		if !review.Status.Authenticated || len(review.Status.Audiences) != 1 || review.Status.Audiences[0] != audience {
			return ErrUnknownToken
		}
		a.Name = review.Status.User.Username
		nodes := review.Status.User.Extra["authentication.kubernetes.io/node-name"]
		if len(nodes) == 1 && len(validation.IsDNS1123Subdomain(nodes[0])) == 0 {
			a.Node = nodes[0]
		}
		return nil
	})
	return a, err
}

// conversation is a client for one call.
type conversation struct {
	kubernetes.Interface
	config *rest.Config
	http   *http.Client
}

func (c Clusters) in(ctx context.Context, k Kubeconfig, do func(context.Context, conversation) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience())
	defer cancel()
	return c.talk(k, func(c conversation) error { return do(ctx, c) })
}

func (c Clusters) talk(k Kubeconfig, do func(conversation) error) error {
	config, err := clientcmd.NewDefaultClientConfig(k.config(), nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	patience := c.patience()
	config.Timeout, config.QPS, config.Burst = patience, 50, 100
	trust, err := rest.TLSConfigFor(config)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig's certificates: %w", err)
	}
	transport := &http.Transport{
		Proxy: nil, DialContext: (&net.Dialer{Timeout: patience / 3}).DialContext, TLSClientConfig: trust,
		TLSHandshakeTimeout: patience / 3, ResponseHeaderTimeout: patience, ForceAttemptHTTP2: true,
	}
	defer transport.CloseIdleConnections()
	over := &http.Client{
		Transport: bounded{bearer{transport, config.BearerToken}}, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	set, err := kubernetes.NewForConfigAndClient(config, over)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	if err := do(conversation{set, config, over}); err != nil {
		return fmt.Errorf("the cluster at %s: %w", k.Server.Host, short(err))
	}
	return nil
}

// bearer adds the user's token, which client-go does in transports of its own making alone.
type bearer struct {
	over  http.RoundTripper
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.over.RoundTrip(r)
}

func (k Kubeconfig) config() api.Config {
	config := api.NewConfig()
	config.Clusters["c"], config.AuthInfos["u"] = k.cluster, k.user
	config.Contexts["x"], config.CurrentContext = &api.Context{Cluster: "c", AuthInfo: "u"}, "x"
	return *config
}
