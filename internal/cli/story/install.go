package story

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// release is the name and namespace of the Helm release.
const (
	release          = "lanyard"
	releaseNamespace = "kube-system"
)

func (s *Story) installPodIdentity(ctx context.Context) error {
	n := s.Narrator
	n.Command(fmt.Sprintf("helm install %s charts/lanyard --namespace %s --wait", release, releaseNamespace))
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	helm := exec.CommandContext(ctx, filepath.Join(s.Cloud.Build, "tools", "helm"), "install", release, s.ChartDir,
		"--kubeconfig", s.kube.kubeconfig, "--namespace", releaseNamespace, "--wait", "--timeout", "2m",
		"--set", "mic.replicas=1")
	if out, err := helm.CombinedOutput(); err != nil {
		pods, _ := s.kube.run(context.WithoutCancel(ctx), "", "get", "pods,events", "-n", releaseNamespace)
		return fmt.Errorf("helm install: %w: %s\n%s", err, out, pods)
	}
	out, err := s.kube.run(ctx, "", "get", "deployments,daemonsets", "-n", releaseNamespace)
	if err != nil {
		return err
	}
	n.Say("%s", out)
	n.Tick("mic and nmi run as pods after %.1f s; mic signs in to ARM as the kubelet identity,\n            by an exception that names its service account", time.Since(started).Seconds())
	return s.bind(ctx)
}
