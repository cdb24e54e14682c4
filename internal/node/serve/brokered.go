package serve

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

// brokered says how to get a token of an identity that isn't the node's, and which service account it is kept for. A service
// principal's token is the same for every pod that may have it; a workload identity trusts service accounts one by one, so a
// token that was given for one is kept from pods of another.
func brokered(broker Broker, note *record, identity grant.Identity, resource string) (account string, fetch tokencache.Fetch) {
	if identity.Kind == grant.KindWorkloadIdentity {
		account = note.sandbox.Namespace + "/" + note.account
	}
	namespace, name, _ := strings.Cut(identity.Object, "/")
	request := brokerapi.Request{
		PodNamespace: note.sandbox.Namespace, PodName: note.sandbox.Name, PodUID: note.sandbox.UID,
		IdentityNamespace: namespace, IdentityName: name, Resource: resource,
	}
	return account, func(ctx context.Context, _ bool) (tokencache.Token, error) { return broker.Token(ctx, request) }
}
