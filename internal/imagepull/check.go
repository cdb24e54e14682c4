package imagepull

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Check tries what a pull from the registry needs, step by step, and prints how
// each went, in the words of Azure's canipull. It stops at the first that fails.
func Check(ctx context.Context, out io.Writer, node Node, resolver *net.Resolver, server string) (ok bool) {
	server = strings.ToLower(server)
	say := func(format string, args ...any) {
		fmt.Fprintf(out, "[%s] %s\n", node.Clock.Now().UTC().Format(time.RFC3339), fmt.Sprintf(format, args...))
	}
	if _, err := resolver.LookupHost(ctx, server); err != nil {
		say("Checking host name resolution (%s): FAILED", server)
		say("Failed to resolve host name %s: %v", server, err)
		return false
	}
	say("Checking host name resolution (%s): SUCCEEDED", server)
	if name, err := resolver.LookupCNAME(ctx, server); err == nil {
		say("Canonical name for ACR (%s): %s", server, name)
	}
	if !node.Config.UseManagedIdentity {
		say("Checking service principal...")
		say("Service principal client ID: %s", node.Config.ClientID)
		say("The cluster signs in with its service principal: whether it may pull shows at the first pull.")
		return true
	}
	say("Checking managed identity...")
	say("Kubelet managed identity client ID: %s", node.Config.ManagedIdentity)
	token, err := node.Token(ctx)
	if err != nil {
		say("Validating managed identity existance: FAILED")
		say("Getting managed identity token failed with: %v", err)
		return false
	}
	say("Validating managed identity existance: SUCCEEDED")
	if _, err := Exchange(ctx, node.Client, server, node.Config.TenantID, token); err != nil {
		say("Validating image pull permission: FAILED")
		say("ACR %s rejected token exchange: %v", server, err)
		return false
	}
	say("Validating image pull permission: SUCCEEDED")
	say("\nYour cluster can pull images from %s!", server)
	return true
}
