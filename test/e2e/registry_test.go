//go:build e2e

package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/imagepull"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestImagesFromARegistry has pods whose image is in a container registry: with AcrPull for the kubelet identity they
// start, without it they show the registry's 401, and each way of giving the role heals those that wait.
func TestImagesFromARegistry(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	az.Must(t, "group", "create", "--name", "hub", "--location", rig.Location)
	az.Must(t, "acr", "create", "--resource-group", "hub", "--name", "hubregistry", "--sku", "Premium", "--location", rig.Location)
	push(t, cloud, exposed(t, az.Must(t, "acr", "login", "--name", "hubregistry", "--expose-token")), "hubregistry.azurecr.io/team/pause:1")
	if list := az.Must(t, "acr", "repository", "list", "--name", "hubregistry", "--output", "tsv"); list != "team/pause" {
		t.Errorf("az acr repository list: %q", list)
	}

	cloud.Group(t, "rg")
	cloud.Create(t, "rg", "c1", rig.NewCluster())
	kube := cloud.Kubectl(t, "rg", "c1")
	lanyard := lanyardIn(t, cloud)

	// Not granted.
	start(t, kube, "first")
	awaitRefusal(t, kube, "first")
	if said := lanyard("aks", "check-acr", "-g", "rg", "-n", "c1", "--acr", "hubregistry.azurecr.io"); !strings.Contains(said, "Checking host name resolution (hubregistry.azurecr.io): SUCCEEDED") ||
		!strings.Contains(said, "Validating image pull permission: FAILED") || !strings.Contains(said, "error status: 401") {
		t.Errorf("check-acr before the role was given:\n%s", said)
	}

	// Granted: the pod that waits heals by itself.
	lanyard("aks", "update", "-g", "rg", "-n", "c1", "--attach-acr", "hubregistry")
	awaitRunning(t, kube, "first")
	if said := lanyard("aks", "check-acr", "-g", "rg", "-n", "c1", "--acr", "hubregistry.azurecr.io"); !strings.Contains(said, "Your cluster can pull images from hubregistry.azurecr.io!") {
		t.Errorf("check-acr:\n%s", said)
	}

	// Revoked: the next pull is refused.
	lanyard("aks", "update", "-g", "rg", "-n", "c1", "--detach-acr", "hubregistry")
	start(t, kube, "second")
	awaitRefusal(t, kube, "second")

	// Granted again.
	lanyard("aks", "update", "-g", "rg", "-n", "c1", "--attach-acr", "hubregistry")
	awaitRunning(t, kube, "second")
}

// TestNewKubeletIdentityPullsByItsOwnRights changes the kubelet identity of a cluster that pulls from a registry: what
// the old one was given does nothing for the new one until attach-acr is run again (seed 002).
func TestNewKubeletIdentityPullsByItsOwnRights(t *testing.T) {
	cloud := rig.Start(t)
	lanyard := lanyardIn(t, cloud)
	cloud.Group(t, "rg")
	lanyard("acr", "create", "-g", "rg", "-n", "spokeregistry", "--sku", "Basic")
	push(t, cloud, exposed(t, lanyard("acr", "login", "-n", "spokeregistry", "--expose-token")), "spokeregistry.azurecr.io/team/pause:1")
	for _, identity := range []string{"plane", "kubelet1", "kubelet2"} {
		lanyard("identity", "create", "-g", "rg", "-n", identity)
	}
	id := func(name string) string {
		return lanyard("identity", "show", "-g", "rg", "-n", name, "--query", "id", "-o", "tsv")
	}
	lanyard("aks", "create", "-g", "rg", "-n", "c1", "--node-count", "1", "--no-ssh-key", "--assign-identity", id("plane"), "--assign-kubelet-identity", id("kubelet1"), "--attach-acr", "spokeregistry", "--yes")
	kube := cloud.Kubectl(t, "rg", "c1")
	startImage(t, kube, "before", "spokeregistry.azurecr.io/team/pause:1")
	awaitRunning(t, kube, "before")

	update := []string{"aks", "update", "-g", "rg", "-n", "c1", "--enable-managed-identity", "--assign-identity", id("plane"), "--assign-kubelet-identity", id("kubelet2"), "--yes"}
	az := cloud.Az(t)
	az.Must(t, update...)
	if now := az.Must(t, "aks", "show", "-g", "rg", "-n", "c1", "--query", "identityProfile.kubeletidentity.resourceId", "-o", "tsv"); !strings.EqualFold(now, id("kubelet2")) {
		t.Errorf("the kubelet identity is %s", now)
	}
	startImage(t, kube, "after", "spokeregistry.azurecr.io/team/pause:1")
	awaitRefusal(t, kube, "after")
	lanyard("aks", "update", "-g", "rg", "-n", "c1", "--attach-acr", "spokeregistry")
	awaitRunning(t, kube, "after")
}

// lanyardIn runs lines of lanyard, which succeed, and returns what they print.
func lanyardIn(t *testing.T, cloud *rig.Cloud) func(args ...string) string {
	t.Helper()
	environment := append(cloud.Lanyard(t), "PATH="+filepath.Join(cloud.Build, "kube")+":"+os.Getenv("PATH"))
	return func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), filepath.Join(cloud.Build, "bin", "lanyard"), args...)
		command.Env = environment
		var complaint strings.Builder
		command.Stderr = &complaint
		out, err := command.Output()
		if err != nil {
			t.Fatalf("lanyard %s: %v: %s%s", strings.Join(args, " "), err, out, complaint.String())
		}
		return strings.TrimSpace(string(out))
	}
}

// exposed is the password that acr login --expose-token printed.
func exposed(t *testing.T, text string) secret.String {
	t.Helper()
	var said struct{ AccessToken, LoginServer string }
	if err := json.Unmarshal([]byte(text), &said); err != nil || said.AccessToken == "" {
		t.Fatalf("acr login --expose-token printed no token: %v", err)
	}
	return secret.New(said.AccessToken)
}

// push is what crane push does, with its library: the pause program's image goes to the registry.
func push(t *testing.T, cloud *rig.Cloud, token secret.String, reference string) {
	t.Helper()
	if err := cloud.Push(t.Context(), "pause", reference, imagepull.TokenUser, token); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, kube *kubectl.Kubectl, pod string) {
	t.Helper()
	startImage(t, kube, pod, "hubregistry.azurecr.io/team/pause:1")
}

// startImage makes a pod that pulls its image anew.
func startImage(t *testing.T, kube *kubectl.Kubectl, pod, image string) {
	t.Helper()
	if err := kube.Apply(t.Context(), "{apiVersion: v1, kind: Pod, metadata: {name: "+pod+"}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: \""+image+"\", imagePullPolicy: Always}]}}"); err != nil {
		t.Fatal(err)
	}
}

func awaitRunning(t *testing.T, kube *kubectl.Kubectl, pod string) {
	t.Helper()
	if _, err := kube.WaitFor(t.Context(), 2*time.Minute, "pod "+pod+" running", func(out string) bool { return out == "Running" },
		"get", "pod", pod, "-o", "jsonpath={.status.phase}"); err != nil {
		events, _ := kube.Run(t.Context(), "", "get", "events")
		t.Fatalf("%v\n%s", err, events)
	}
}

// awaitRefusal waits for ImagePullBackOff, with the 401 of the registry in an event.
func awaitRefusal(t *testing.T, kube *kubectl.Kubectl, pod string) {
	t.Helper()
	if _, err := kube.WaitFor(t.Context(), time.Minute, "pod "+pod+" in ImagePullBackOff", func(out string) bool { return out == "ImagePullBackOff" },
		"get", "pod", pod, "-o", "jsonpath={.status.containerStatuses[0].state.waiting.reason}"); err != nil {
		events, _ := kube.Run(t.Context(), "", "get", "events")
		t.Fatalf("%v\n%s", err, events)
	}
	events := output(t, kube, "get", "events", "--field-selector", "involvedObject.name="+pod, "-o", "jsonpath={.items[*].message}")
	if !strings.Contains(events, "401 Unauthorized") {
		t.Errorf("pod %s waits without the registry's 401: %s", pod, events)
	}
}

// TestKilledRegistryHasNoCorruptLayer kills lanyardd while images are being pushed: what is in place afterwards is whole,
// what was answered with success is there, and a push that was cut off works when it is tried again.
func TestKilledRegistryHasNoCorruptLayer(t *testing.T) {
	cloud := rig.Start(t, "--clusters=none")
	lanyard := lanyardIn(t, cloud)
	cloud.Group(t, "rg")
	lanyard("acr", "create", "-g", "rg", "-n", "killedregistry", "--sku", "Basic")
	who := &authn.Basic{Username: imagepull.TokenUser, Password: exposed(t, lanyard("acr", "login", "-n", "killedregistry", "--expose-token")).Reveal()}
	client, err := cloud.ByName()
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	options := []remote.Option{remote.WithAuth(who), remote.WithTransport(client.Transport), remote.WithContext(t.Context()), remote.WithRetryStatusCodes(), remote.WithRetryBackoff(remote.Backoff{Steps: 1})}
	type pushed struct {
		tag   name.Tag
		image v1.Image
		done  bool
	}
	all := make([]*pushed, 12)
	for i := range all {
		image, err := random.Image(8<<20, 2)
		if err != nil {
			t.Fatal(err)
		}
		tag, err := name.NewTag(fmt.Sprintf("killedregistry.azurecr.io/app%d:1", i))
		if err != nil {
			t.Fatal(err)
		}
		all[i] = &pushed{tag: tag, image: image}
	}
	var pushes sync.WaitGroup
	for _, one := range all {
		pushes.Go(func() { one.done = remote.Write(one.tag, one.image, options...) == nil })
	}
	layers := filepath.Join(cloud.DataDir(), "registries", "killedregistry-*", "docker", "registry", "v2", "blobs", "sha256", "*", "*", "data")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if there, err := filepath.Glob(layers); err != nil || len(there) >= 3 || time.Now().After(deadline) {
			break // some are in place, the others are under way
		}
	}
	if err := cloud.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cloud.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	pushes.Wait()
	checkBlobs(t, filepath.Join(cloud.DataDir(), "registries"))
	cut := 0
	for _, one := range all {
		if !one.done {
			cut++
			if err := remote.Write(one.tag, one.image, options...); err != nil {
				t.Errorf("pushing %s again: %v", one.tag, err)
				continue
			}
		}
		image, err := remote.Image(one.tag, options...)
		if err == nil {
			err = validate.Image(image)
		}
		if err != nil {
			t.Errorf("pulling %s: %v", one.tag, err)
		}
	}
	if cut == 0 {
		t.Error("no push was cut off: the test showed nothing")
	}
	t.Logf("%d of %d pushes were cut off", cut, len(all))
}

// checkBlobs compares what lies in the registry's folders with the digests that it lies under.
func checkBlobs(t *testing.T, folder string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "data" || !strings.Contains(path, "/blobs/sha256/") {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, file); err != nil {
			return err
		}
		found++
		if got, want := hex.EncodeToString(sum.Sum(nil)), filepath.Base(filepath.Dir(path)); got != want {
			t.Errorf("%s has the digest %s", path, got)
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d blobs were looked at: %v", found, err)
	}
}
