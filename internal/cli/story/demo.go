package story

import (
	"context"
	"fmt"
	"strings"
	"time"
)

func (s *Story) runDemo(ctx context.Context) error {
	n := s.Narrator
	n.Command("kubectl apply -f demo.yaml --namespace "+namespace, "kubectl logs demo --follow --namespace "+namespace)
	// Seed 003 prints $IDENTITY_RESOURCE_GROUP as the demo's resource group but
	// grants the role on the node resource group; the ARM operation is allowed
	// only where the role is.
	started := time.Now()
	if err := s.kube.Apply(ctx, demoManifest(podIdentityName, s.azure.subscription, s.env.identityClientID, s.env.nodeGroup), "--namespace", namespace); err != nil {
		return err
	}
	if _, err := s.kube.WaitFor(ctx, patience, "the running demo pod", func(out string) bool { return out == "Running" },
		"get", "pod", "demo", "-n", namespace, "-o", "jsonpath={.status.phase}"); err != nil {
		return err
	}
	var err error
	if s.demoLog, err = s.kube.Follow(ctx, "demo", namespace); err != nil {
		return err
	}
	for _, expected := range []string{
		"successfully doARMOperations vm count 0",
		"successfully acquired a token using the MSI, msiEndpoint(http://169.254.169.254/metadata/identity/oauth2/token)",
		fmt.Sprintf("successfully acquired a token, userAssignedID MSI, msiEndpoint(http://169.254.169.254/metadata/identity/oauth2/token) clientID(%s)", s.env.identityClientID),
		"successfully made GET on instance metadata",
	} {
		line, err := s.demoLog.Line(ctx, patience, time.Time{}, expected)
		if err != nil {
			assigned, _ := s.kube.Run(ctx, "", "get", "azureassignedidentities", "-A", "-o", "yaml")
			return fmt.Errorf("%w\n%s", err, assigned)
		}
		n.Say("%s", line.Text)
	}
	n.Tick("pod demo got its tokens and used them, %.1f s after it was created", time.Since(started).Seconds())

	scaleSet, identities, err := s.azure.scaleSetIdentities(ctx, s.env.nodeGroup)
	if err != nil {
		return err
	}
	s.env.scaleSet = scaleSet
	if !identities[strings.ToLower(s.env.identityID)] {
		return fmt.Errorf("scale set %s doesn't hold the identity that the pod just used", scaleSet)
	}
	n.Tick("mic put the identity on scale set %s by ARM", scaleSet)
	return nil
}
