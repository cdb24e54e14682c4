package brokerapi

import "time"

// Audience is whom the agents' tokens have to be for: one for the API server can't be used here, nor the other way round.
const Audience = "lanyard-broker"

// TokenPath is where agents ask.
const TokenPath = "/v1/token"

// ObjectsPath is below where agents read the objects that concern their own node: what follows is a collection's path at the API
// server, which is answered as the API server does, list and watch, but for those of other nodes and for fields that no agent needs.
const ObjectsPath = "/v1/objects"

// ServerName is the name that a broker's certificate is for. It is resolved nowhere.
const ServerName = "broker.lanyard.internal"

// LongestAnswer is how long a broker takes at most. An agent that has waited for it asks another replica.
const LongestAnswer = 12 * time.Second

// ConnectionsPerNode is how many an agent opens to one replica.
const ConnectionsPerNode = 16

// Announcement is how agents find and recognise one replica. It is a value of the ConfigMap that they read, under the replica's
// name.
type Announcement struct {
	Address     string `json:"address"` // host:port
	Certificate string `json:"certificate"`
}

// Request is what an agent asks for.
type Request struct {
	PodNamespace      string `json:"podNamespace"`
	PodName           string `json:"podName"`
	PodUID            string `json:"podUID"`
	IdentityNamespace string `json:"identityNamespace"`
	IdentityName      string `json:"identityName"`
	Resource          string `json:"resource"`
}

// Answer is a token.
type Answer struct {
	AccessToken string `json:"accessToken"`
	ClientID    string `json:"clientID"`
	ExpiresOn   int64  `json:"expiresOn"` // seconds since 1970
}

// Why an agent gets no token.
const (
	CodeUnauthenticated = "unauthenticated"
	CodeInvalid         = "invalid"
	CodeNotEntitled     = "not_entitled"  // nothing to wait for
	CodeUnknownPod      = "unknown_pod"   // mic may not have heard of it yet
	CodeMisconfigured   = "misconfigured" // the AzureIdentity's author has to act
	CodeRefused         = "refused"       // by the token service
	CodeUnavailable     = "unavailable"
)

// Refusal is an answer without a token. Message is for the pod's owner.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
