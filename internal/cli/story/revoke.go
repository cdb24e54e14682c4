package story

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// revoke says how long it takes until what was taken away is gone, and doesn't judge it: what else the machine does counts
// as well, and so does the pause of 400 ms between two looks of the demo pod.
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
	line, err := s.demoLog.Line(ctx, patience, deleted, "AuthorizationFailed")
	if err != nil {
		return err
	}
	n.Say("%s", line.Text)
	for _, want := range []string{"HTTP 403", s.env.identityObject, "Microsoft.Compute/virtualMachines/read", s.env.nodeGroup} {
		if !strings.Contains(line.Text, want) {
			return fmt.Errorf("the refusal doesn't name %q", want)
		}
	}
	n.Tick("the same pod's next ARM call is refused, %.2f s after the role assignment went; it names principal, action and scope", line.Seen.Sub(deleted).Seconds())
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
	line, err := s.demoLog.Line(ctx, patience, deleted, "token request refused")
	if err != nil {
		return err
	}
	n.Say("%s", line.Text)
	n.Tick("the pod's next token request is refused, %.2f s after the delete command was answered", max(0, line.Seen.Sub(answered).Seconds()))

	for limit := time.Now().Add(patience); ; {
		_, identities, err := s.azure.scaleSetIdentities(ctx, s.env.nodeGroup)
		if err != nil {
			return err
		}
		if !identities[strings.ToLower(s.env.identityID)] {
			break
		}
		if time.Now().After(limit) {
			return fmt.Errorf("scale set %s still holds the identity %s after its binding went", s.env.scaleSet, patience)
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
