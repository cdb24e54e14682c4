package story

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// release is the name and namespace of the Helm release.
const (
	release          = "lanyard"
	releaseNamespace = "kube-system"

	hybridCgroups = "/sys/fs/cgroup/unified"
)

func (s *Story) installPodIdentity(ctx context.Context) error {
	n := s.Narrator
	n.Command(fmt.Sprintf("helm install %s charts/lanyard --namespace %s --set image.repository=%s,webhook.enabled=true --wait", release, releaseNamespace, chartImages))
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	args := []string{
		"install", release, s.ChartDir, "--kubeconfig", s.kube.Kubeconfig, "--namespace", releaseNamespace, "--wait", "--timeout", patience.String(),
		"--set", "mic.replicas=1,webhook.enabled=true,image.repository=" + chartImages,
	}
	// On a machine with both versions of cgroups the second is elsewhere, and containers have no cgroup namespaces.
	if _, err := os.Stat(hybridCgroups); err == nil {
		args = append(args, "--set", "nmi.cgroupFolder="+hybridCgroups+",nmi.rulesPrivileged=false")
	}
	helm := exec.CommandContext(ctx, filepath.Join(s.Cloud.Build, "tools", "helm"), args...)
	if out, err := helm.CombinedOutput(); err != nil {
		pods, _ := s.kube.Run(context.WithoutCancel(ctx), "", "get", "pods,events", "-n", releaseNamespace)
		return fmt.Errorf("helm install: %w: %s\n%s", err, out, pods)
	}
	// helm counts a daemon set as ready when all but maxUnavailable of its pods are.
	if _, err := s.kube.Run(ctx, "", "rollout", "status", "daemonset/lanyard-nmi", "-n", releaseNamespace, "--timeout="+patience.String()); err != nil {
		logs, _ := s.kube.Run(context.WithoutCancel(ctx), "", "logs", "daemonset/lanyard-nmi", "-n", releaseNamespace, "--all-containers", "--tail=5")
		return fmt.Errorf("%w\n%s", err, logs)
	}
	out, err := s.kube.Run(ctx, "", "get", "deployments,daemonsets", "-n", releaseNamespace)
	if err != nil {
		return err
	}
	n.Say("%s", out)
	n.Tick("mic and nmi run as pods after %.1f s; mic signs in to ARM as the kubelet identity, by an exception for its service account", time.Since(started).Seconds())
	return s.bind(ctx)
}
