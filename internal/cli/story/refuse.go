package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (s *Story) refuse(ctx context.Context) error {
	other, err := s.azure.createIdentity(ctx, identityResourceGroup, otherIdentityName)
	if err != nil {
		return err
	}
	s.env.otherClientID = other.clientID
	for _, c := range []struct {
		pod, binding, clientID string
		hostNetwork            bool
		what                   string
		want                   []string
	}{
		{"no-label", "", "", false, "a pod without the label is refused", []string{"HTTP 400", "Identity not found"}},
		{"wrong-client", podIdentityName, other.clientID, false, "a pod that asks for another identity's client ID is refused", []string{"HTTP 400", "Identity not found"}},
		{"host-network-plain", "", "", true, "a pod in the node's own network doesn't get the node's identity", []string{"HTTP 400", "Identity not found"}},
		{"host-network", podIdentityName, s.env.identityClientID, true, "with the label it gets its own: its socket's cgroup tells it from the node", []string{"HTTP 200"}},
	} {
		if err := s.asked(ctx, c.want, c.pod, c.binding, c.clientID, c.hostNetwork); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		s.Narrator.Tick("%s", c.what)
	}
	if err := s.refuseWhenWritten(ctx, other.id); err != nil {
		return err
	}
	return s.refuseUntilGranted(ctx)
}

// refuseWhenWritten shows the webhook: an AzureIdentity that no pod could be given
// isn't even stored.
func (s *Story) refuseWhenWritten(ctx context.Context, resourceID string) error {
	n := s.Narrator
	manifest := identityManifest("borrowed", resourceID, s.env.kubeletClientID)
	n.Command("kubectl apply --dry-run=server -f -    # an AzureIdentity with the client ID of the nodes' own identity")
	const want = "identity of the nodes themselves"
	// The API server takes a moment to hear of a new webhook, and lets pass what it can't ask about.
	for started := time.Now(); ; {
		said := "nothing against it"
		if err := s.kube.Apply(ctx, manifest, "--dry-run=server"); err != nil {
			said = err.Error()
		}
		if strings.Contains(said, want) {
			break
		}
		if time.Since(started) > patience {
			return fmt.Errorf("the webhook doesn't refuse an AzureIdentity with the nodes' client ID, it says %s", said)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	n.Tick("an AzureIdentity that borrows the nodes' own identity is refused when it is written, by mic's webhook")
	return nil
}

// refuseUntilGranted shows an assignment that can't be made: the kubelet
// identity may not assign the identity until it gets the role there.
func (s *Story) refuseUntilGranted(ctx context.Context) error {
	n := s.Narrator
	late, err := s.azure.createIdentity(ctx, identityResourceGroup, lateIdentityName)
	if err != nil {
		return err
	}
	if err := s.kube.Apply(ctx, identityManifest(lateIdentityName, late.id, late.clientID)); err != nil {
		return err
	}
	if err := s.asked(ctx, []string{"HTTP 503", "Retry-After=", "being assigned"}, "too-early", lateIdentityName, late.clientID, false); err != nil {
		return fmt.Errorf("while the assignment is under way: %w", err)
	}
	n.Tick("while an assignment is under way: 503 with Retry-After (the kubelet identity may not assign this one yet)")
	n.Command(fmt.Sprintf(`az role assignment create --role "%s" --assignee "$KUBELET_CLIENT_ID" --scope %s`, roleManagedIdentityOperator, late.id))
	if _, err := s.azure.assign(ctx, roleManagedIdentityOperator, s.env.kubeletObjectID, late.id); err != nil {
		return err
	}
	started := time.Now()
	if err := s.asked(ctx, []string{granted}, "granted", lateIdentityName, late.clientID, false); err != nil {
		return fmt.Errorf("after the grant: %w", err)
	}
	n.Tick("after the grant a pod gets its token (%.1f s later)", time.Since(started).Seconds())
	return nil
}

// granted is how the answer with a token begins.
const granted = "HTTP 200"

// asked asks until the answer says all that is wanted. A busy node tells the agent of a pod only after the pod's first
// request, which is then asked to come back, as every SDK does by itself; and what was granted takes its time. A token where
// none is wanted ends the story.
func (s *Story) asked(ctx context.Context, want []string, pod, binding, clientID string, hostNetwork bool) error {
	started := time.Now()
	for attempt := 1; ; attempt++ {
		name := pod
		if attempt > 1 {
			name = fmt.Sprintf("%s-%d", pod, attempt)
		}
		answer, err := s.ask(ctx, name, binding, clientID, hostNetwork)
		if err != nil {
			return err
		}
		s.Narrator.Say("%s", answer)
		says := func(text string) bool { return strings.Contains(answer, text) }
		missing := slices.IndexFunc(want, func(text string) bool { return !says(text) })
		if missing < 0 {
			return nil
		}
		if says(granted) || time.Since(started) > patience {
			return fmt.Errorf("the answer is %q, which doesn't say %q", answer, want[missing])
		}
	}
}

// ask runs a pod that makes one token request and returns what it printed.
func (s *Story) ask(ctx context.Context, pod, binding, clientID string, hostNetwork bool) (string, error) {
	label := ""
	if binding != "" {
		label = " --labels=aadpodidbinding=" + binding
	}
	s.Narrator.Command(fmt.Sprintf("kubectl run %s -n %s%s --image=%s --restart=Never -- --raw --clientid=%s", pod, namespace, label, DemoImage, clientID))
	if err := s.kube.Apply(ctx, askManifest(pod, binding, clientID, hostNetwork)); err != nil {
		return "", err
	}
	ended := func(out string) bool { return out == "Succeeded" || out == "Failed" }
	if _, err := s.kube.WaitFor(ctx, patience, "the end of pod "+pod, ended, "get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status.phase}"); err != nil {
		return "", err
	}
	out, err := s.kube.Run(ctx, "", "logs", pod, "-n", namespace)
	if err != nil {
		return "", err
	}
	// The pod has served its purpose; when it goes, its identity goes with it.
	if _, err := s.kube.Run(ctx, "", "delete", "pod", pod, "-n", namespace, "--now", "--wait=false"); err != nil {
		return "", err
	}
	return strings.TrimSpace(out), nil
}
