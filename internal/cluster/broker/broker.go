package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// Options are the parts of a broker; all are needed.
type Options struct {
	// Kube reads pods from a cache, makes token reviews and service account tokens.
	Kube client.Client
	// Live reads secrets from the API server.
	Live client.Reader
	// Nodes reads and watches, past the cache, what agents are told about their nodes.
	Nodes client.WithWatch
	// Managed is the mode in which bindings alone say what pods may have.
	Managed bool
	// View is where bindings and identities are looked up.
	View  func(context.Context) match.View
	Rules match.Rules
	// Agent is the agents' service account, "namespace/name".
	Agent string
	// Cloud is where tokens come from, and TenantID the tenant of identities that name none.
	Cloud    cloud.Configuration
	TenantID string
	// Authorities are token services, besides the cloud's, that an AzureIdentity's adEndpoint may name.
	Authorities []string
	// Transport calls the token service; nil is the SDK's own.
	Transport policy.Transporter
	Clock     clock.PassiveClock
	Log       *slog.Logger
}

// Broker answers node agents.
type Broker struct {
	Options
	callers *callers
	objects *objects
}

// New makes a broker.
func New(o Options) (*Broker, error) {
	namespace, name, ok := strings.Cut(o.Agent, "/")
	if !ok || namespace == "" || name == "" {
		return nil, fmt.Errorf("the agents' service account %q is not namespace/name", o.Agent)
	}
	return &Broker{
		Options: o, callers: newCallers(o.Kube, "system:serviceaccount:"+namespace+":"+name, o.Clock), objects: newObjects(o.Nodes, o.Managed, o.Clock),
	}, nil
}

// HangUp ends the answers that would go on, so that their agents turn to another replica.
func (b *Broker) HangUp() { b.objects.hangUp() }

// refusal is an answer without a token.
type refusal struct {
	brokerapi.Refusal
	status int
}

func (r *refusal) Error() string { return r.Message }

func refuse(status int, code, format string, values ...any) *refusal {
	return &refusal{Refusal: brokerapi.Refusal{Code: code, Message: fmt.Sprintf(format, values...)}, status: status}
}

// ServeHTTP answers one agent.
func (b *Broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), brokerapi.LongestAnswer)
	defer cancel()
	node, err := b.callers.node(ctx, r)
	path, objects := strings.CutPrefix(r.URL.Path, brokerapi.ObjectsPath)
	switch {
	case err != nil:
		b.refuseCaller(w, r, err)
	case objects:
		if err := b.objects.serve(w, r, node, path); err != nil {
			b.refuse(w, b.Log.With("node", node, "objects", path), err)
		}
	default:
		b.serveToken(ctx, w, r, node)
	}
}

func (b *Broker) refuseCaller(w http.ResponseWriter, r *http.Request, err error) {
	b.Log.Warn("refused a caller", "remote", r.RemoteAddr, "error", err)
	w.Header().Set("Connection", "close") // who isn't an agent has no business with the connection
	if errors.Is(err, errCaller) {
		reply(w, http.StatusUnauthorized, brokerapi.Refusal{Code: brokerapi.CodeUnauthenticated, Message: errCaller.Error()})
		return
	}
	reply(w, http.StatusServiceUnavailable, brokerapi.Refusal{Code: brokerapi.CodeUnavailable, Message: "the caller can't be checked at the moment"})
}

// refuse tells an agent what it may know.
func (b *Broker) refuse(w http.ResponseWriter, log *slog.Logger, err error) {
	var refused *refusal
	if !errors.As(err, &refused) {
		refused = refuse(http.StatusServiceUnavailable, brokerapi.CodeUnavailable, "mic could not fetch what was asked for")
	}
	log.Warn("refused an agent", "code", refused.Code, "error", err)
	reply(w, refused.status, refused.Refusal)
}

// serveToken answers a request for a pod's token.
func (b *Broker) serveToken(ctx context.Context, w http.ResponseWriter, r *http.Request, node string) {
	var request brokerapi.Request
	const most = 8 << 10
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	decoder.DisallowUnknownFields()
	if r.Method != http.MethodPost || r.URL.Path != brokerapi.TokenPath || decoder.Decode(&request) != nil || request.Resource == "" ||
		strings.ContainsAny(request.Resource, " \t\r\n") {
		reply(w, http.StatusBadRequest, brokerapi.Refusal{Code: brokerapi.CodeInvalid, Message: "not a request for a token"})
		return
	}
	token, identity, err := b.token(ctx, node, request)
	log := b.Log.With("node", node, "pod", request.PodNamespace+"/"+request.PodName, "uid", request.PodUID,
		"identity", request.IdentityNamespace+"/"+request.IdentityName, "resource", request.Resource)
	if err != nil {
		b.refuse(w, log, err)
		return
	}
	log.Info("gave a token", "type", identity.Spec.Type, "clientID", identity.Spec.ClientID, "expires", token.ExpiresOn)
	reply(w, http.StatusOK, brokerapi.Answer{AccessToken: token.Token, ClientID: identity.Spec.ClientID, ExpiresOn: token.ExpiresOn.Unix()})
}

func reply(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // the agent left
}

// token decides and gets.
func (b *Broker) token(ctx context.Context, node string, request brokerapi.Request) (azcore.AccessToken, *aadpodid.AzureIdentity, error) {
	pod, err := b.pod(ctx, node, request)
	if err != nil {
		return azcore.AccessToken{}, nil, err
	}
	identity, err := b.identity(ctx, pod, request)
	if err != nil {
		return azcore.AccessToken{}, nil, err
	}
	credential, err := b.credential(ctx, identity, pod)
	if err != nil {
		return azcore.AccessToken{}, nil, err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{request.Resource + "/.default"}})
	if err != nil {
		return azcore.AccessToken{}, nil, explain(err)
	}
	return token, identity, nil
}

// pod finds the pod that the agent asks for, if it runs on the agent's node.
func (b *Broker) pod(ctx context.Context, node string, request brokerapi.Request) (*corev1.Pod, error) {
	var pod corev1.Pod
	err := b.Kube.Get(ctx, types.NamespacedName{Namespace: request.PodNamespace, Name: request.PodName}, &pod)
	switch {
	case apierrors.IsNotFound(err), err == nil && string(pod.UID) != request.PodUID:
		return nil, refuse(http.StatusConflict, brokerapi.CodeUnknownPod, "mic has not heard of the pod yet")
	case err != nil:
		return nil, fmt.Errorf("reading the pod: %w", err)
	case pod.Spec.NodeName != node: // the same answer as for a pod without the identity: nothing to learn about other nodes
		return nil, refuse(http.StatusForbidden, brokerapi.CodeNotEntitled, "the identity is not bound to the pod")
	}
	return &pod, nil
}

// identity finds the AzureIdentity, if a binding gives it to the pod now.
func (b *Broker) identity(ctx context.Context, pod *corev1.Pod, request brokerapi.Request) (*aadpodid.AzureIdentity, error) {
	matches, err := b.Rules.Pod(pod, b.View(ctx))
	if err != nil {
		return nil, fmt.Errorf("matching the pod: %w", err)
	}
	for _, m := range matches {
		if m.Identity.Namespace != request.IdentityNamespace || m.Identity.Name != request.IdentityName {
			continue
		}
		if err := b.Rules.Usable(m.Identity); err != nil {
			return nil, refuse(http.StatusUnprocessableEntity, brokerapi.CodeMisconfigured, "AzureIdentity %s/%s can't be used: %v",
				m.Identity.Namespace, m.Identity.Name, err)
		}
		return m.Identity, nil
	}
	return nil, refuse(http.StatusForbidden, brokerapi.CodeNotEntitled, "the identity is not bound to the pod")
}
