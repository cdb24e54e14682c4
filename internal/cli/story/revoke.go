package story

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// soon is the promise: what is taken away is gone within a second. The demo
// pod looks every 400 ms, so its own pause is part of what is measured.
const soon = time.Second

func (s *Story) revoke(ctx context.Context) error {
	if err := s.revokeRole(ctx); err != nil {
		return err
	}
	return s.revokeBinding(ctx)
}

func (s *Story) revokeRole(ctx context.Context) error {
	n := s.Narrator
	n.Command(fmt.Sprintf(`az role assignment delete --role "%s" --assignee "$IDENTITY_CLIENT_ID" --scope $NODES_RESOURCE_ID`, roleVirtualMachineContributor))
	if _, err := s.azure.assignments.DeleteByID(ctx, strings.TrimPrefix(s.env.roleAssignmentID, "/"), nil); err != nil {
		return err
	}
	deleted := time.Now()
	line, err := s.demoLog.Line(ctx, 10*time.Second, deleted, "AuthorizationFailed")
	if err != nil {
		return err
	}
	n.Say("%s", line.Text)
	for _, want := range []string{"HTTP 403", s.env.identityObject, "Microsoft.Compute/virtualMachines/read", s.env.nodeGroup} {
		if !strings.Contains(line.Text, want) {
			return fmt.Errorf("the refusal doesn't name %q", want)
		}
	}
	after := line.Seen.Sub(deleted)
	if after > soon {
		return fmt.Errorf("the pod's ARM call was refused only %.2f s after its role assignment went", after.Seconds())
	}
	n.Tick("the same pod's next ARM call is refused, %.2f s after the role assignment went; it names principal, action and scope", after.Seconds())
	return nil
}

func (s *Story) revokeBinding(ctx context.Context) error {
	n := s.Narrator
	n.Command(fmt.Sprintf("kubectl delete azureidentitybinding %s-binding --namespace %s", podIdentityName, namespace))
	// The clock starts before the call: kubectl waits until the object is gone.
	deleted := time.Now()
	if _, err := s.kube.Run(ctx, "", "delete", "azureidentitybinding", podIdentityName+"-binding", "--namespace", namespace, "--wait=false"); err != nil {
		return err
	}
	answered := time.Now()
	line, err := s.demoLog.Line(ctx, 10*time.Second, deleted, "token request refused")
	if err != nil {
		return err
	}
	n.Say("%s", line.Text)
	if after := line.Seen.Sub(answered); after > soon {
		return fmt.Errorf("the pod's token request was refused only %.2f s after its binding went", after.Seconds())
	}
	n.Tick("the pod's next token request is refused, %.2f s after the delete command was answered", max(0, line.Seen.Sub(answered).Seconds()))

	for limit := time.Now().Add(30 * time.Second); ; {
		_, identities, err := s.azure.scaleSetIdentities(ctx, s.env.nodeGroup)
		if err != nil {
			return err
		}
		if !identities[strings.ToLower(s.env.identityID)] {
			break
		}
		if time.Now().After(limit) {
			return fmt.Errorf("scale set %s still holds the identity 30 s after its binding went", s.env.scaleSet)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	n.Tick("the identity has left scale set %s", s.env.scaleSet)
	return nil
}
