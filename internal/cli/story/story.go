package story

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/cli/local"
)

// The names are those of seed 003.
const (
	resourceGroup         = "myResourceGroup"
	identityResourceGroup = "myIdentityResourceGroup"
	cluster               = "myAKSCluster"
	identityName          = "application-identity"
	otherIdentityName     = "other-identity"
	lateIdentityName      = "late-identity"
	podIdentityName       = "my-pod-identity"
	namespace             = "my-app"
	location              = "eastus"
	vnetName              = "myVnet"
	subnetName            = "mySubnet"
)

// Options say where the story plays.
type Options struct {
	Cloud *local.Cloud
	// ChartDir is charts/lanyard of the source tree.
	ChartDir string
	Narrator *Narrator
	// Keep leaves everything running at the end, also when a step failed: then
	// there is something to look at.
	Keep bool
	// KillDuringCreate ends lanyardd with SIGKILL while the cluster is being
	// created and starts it again: the creation has to finish all the same.
	KillDuringCreate bool
	// BeforeTearDown, when set, runs while everything is up (benchmarks, tests).
	BeforeTearDown func(ctx context.Context, s *Story) error
}

// patience is how long something may take that takes moments, on a machine that does much else.
const patience = 3 * time.Minute

// Story is the state that the steps hand on to each other.
type Story struct {
	Options
	azure   *azure
	kube    *kubectl.Kubectl
	env     environment
	demoLog *kubectl.Follower

	clusterTook time.Duration
}

// environment is what the seeds keep in shell variables.
type environment struct {
	nodeGroup, nodeGroupID                       string
	clusterPrincipal                             string
	kubeletClientID, kubeletObjectID             string
	identityID, identityClientID, identityObject string
	subnetID, scaleSet                           string
	roleAssignmentID                             string
	otherClientID                                string
	registryID                                   string
}

// Run tells the whole story. It takes everything down at its end unless Keep is
// set; a canceled context (Ctrl-C) takes down in any case.
func Run(ctx context.Context, o Options) (err error) {
	s := &Story{Options: o}
	o.Cloud.NodeImages = nodeImages()
	before, err := o.Cloud.Footprint()
	if err != nil {
		return fmt.Errorf("looking at the machine: %w", err)
	}
	steps := []struct {
		title string
		run   func(context.Context) error
	}{
		{"lanyardd: ARM, the Entra token service and IMDS on loopback, state in etcd", s.startCloud},
		{"A resource group, a virtual network, a container registry and an AKS cluster with a system-assigned identity", s.createCluster},
		{"A user-assigned identity, its rights, and what pod identity needs for the kubelet identity", s.createIdentity},
		{"mic and nmi from the Helm chart", s.installPodIdentity},
		{"Seed 003's demo.yaml", s.runDemo},
		{"Who may not have a token is refused", s.refuse},
		{"What is taken away is gone", s.revoke},
	}
	for i, step := range steps {
		o.Narrator.Title(i+1, step.title)
		if err = step.run(ctx); err != nil {
			break
		}
	}
	if err == nil && o.BeforeTearDown != nil {
		err = o.BeforeTearDown(ctx, s)
	}
	if err != nil && ctx.Err() != nil {
		o.Narrator.Cross("interrupted")
	} else if err != nil {
		o.Narrator.Cross("%v", err)
	}
	if s.demoLog != nil {
		s.demoLog.Stop()
	}
	if o.Keep && ctx.Err() == nil {
		return errors.Join(err, s.lookAround())
	}
	// The clean-up has a deadline of its own: the context may be canceled already.
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
	defer cancel()
	o.Narrator.Title(len(steps)+1, "Everything stops, nothing is left")
	if downErr := s.tearDown(down, before); downErr != nil {
		o.Narrator.Cross("%v", downErr)
		if err == nil {
			err = downErr
		}
	}
	return err
}

func (s *Story) startCloud(ctx context.Context) error {
	n := s.Narrator
	n.Command("lanyard up")
	started := time.Now()
	if err := s.Cloud.Start(ctx); err != nil {
		return err
	}
	admin, err := s.Cloud.Administrator()
	if err != nil {
		return err
	}
	n.Tick("ready after %.1f s at %s (its CA: %s)", time.Since(started).Seconds(), s.Cloud.Origin(), relative(s.Cloud.CAFile()))
	n.Say("tenant %s, subscription %s; the first administrator is service principal %s", admin.TenantID, admin.SubscriptionID, admin.ClientID)
	if err := s.Cloud.PackImages(); err != nil {
		return fmt.Errorf("packing the images of the nodes: %w", err)
	}
	n.Tick("images packed from our own binaries: pause, mic, nmi, demo")
	s.azure, err = newAzure(s.Cloud, admin)
	return err
}

func (s *Story) tearDown(ctx context.Context, before local.Footprint) error {
	s.Narrator.Command("lanyard down --clean")
	if err := s.Cloud.Down(ctx); err != nil {
		return err
	}
	after, err := s.Cloud.Footprint()
	if err != nil {
		return err
	}
	if left := after.Left(before); len(left) > 0 {
		for _, line := range left[:min(len(left), 20)] {
			s.Narrator.Say("%s", line)
		}
		return fmt.Errorf("%d things of this machine aren't as they were before", len(left))
	}
	s.Narrator.Tick("no process, namespace, mount, link, route, nft table, cgroup or changed sysctl is left (%d facts compared)", len(after))
	return nil
}

// lookAround prints how to use what was kept running.
func (s *Story) lookAround() error {
	kubeconfig := ""
	if s.kube != nil {
		kubeconfig = s.kube.Kubeconfig
	}
	if err := s.Cloud.WriteEnv(kubeconfig); err != nil {
		return err
	}
	n := s.Narrator
	n.line("")
	n.Say("Everything keeps running. To look around:")
	n.Command(
		". "+relative(s.Cloud.EnvFile()),
		relative(filepath.Join(s.Cloud.Build, "kube", "kubectl"))+" get azureassignedidentities,pods -A",
		"tail -f "+relative(s.Cloud.LogFile()),
		"make demo-down    # ends it",
	)
	return nil
}

// relative shortens a path for reading when it lies below the working directory.
func relative(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(short) {
			return short
		}
	}
	return path
}
