package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"
)

var (
	// api is a real kube-apiserver on a real etcd, one for all tests of the
	// package, with an administrator's rights.
	api *rest.Config
	// micAPI is the same with the rights that the chart gives to mic.
	micAPI        *rest.Config
	micKubeconfig []byte
	// adminKubeconfig is for programs with all rights.
	adminKubeconfig []byte
	// environment is where the API server can be restarted.
	environment *envtest.Environment
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(childVariable); settings != "" {
		if err := runChild(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	root, err := filepath.Abs("../..")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	kube := filepath.Join(root, "build", "kube")
	for _, program := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(kube, program)); err != nil {
			fmt.Fprintf(os.Stderr, "these tests need a real %s in build/kube: run make kube\n", program)
			return 1
		}
	}
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	environment = &envtest.Environment{
		BinaryAssetsDirectory: kube,
		CRDDirectoryPaths:     []string{filepath.Join(root, "config", "crd")},
		ErrorIfCRDPathMissing: true,
		// A machine with other work takes its time.
		ControlPlaneStartTimeout: 3 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	// the keys of service account tokens are published for an issuer of this form only
	environment.ControlPlane.GetAPIServer().Configure().
		Set("service-account-issuer", "https://issuer.example").Set("api-audiences", "https://kubernetes.default.svc")
	api, err = environment.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting kube-apiserver:", err)
		return 1
	}
	defer func() {
		if err := environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping kube-apiserver:", err)
		}
	}()
	api.QPS = -1 // the server's own fairness is limit enough
	if micAPI, err = asMic(environment); err != nil {
		fmt.Fprintln(os.Stderr, "giving mic its rights:", err)
		return 1
	}
	return m.Run()
}

// install creates the objects of a rendered chart that are wanted.
func install(golden string, wanted func(unstructured.Unstructured) bool) error {
	rendered, err := os.ReadFile(filepath.Join("chart", "testdata", golden+".golden.yaml"))
	if err != nil {
		return err
	}
	admin, err := client.New(api, client.Options{})
	if err != nil {
		return err
	}
	for _, text := range strings.Split(string(rendered), "\n---\n") {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			return err
		}
		if !wanted(o) {
			continue
		}
		if err := admin.Patch(context.Background(), &o, client.Apply, client.ForceOwnership, client.FieldOwner("helm")); err != nil {
			return fmt.Errorf("creating %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// asMic installs the RBAC objects of the rendered chart, and what its broker needs, and signs in as mic's
// service account.
func asMic(environment *envtest.Environment) (*rest.Config, error) {
	if err := install("broker", func(o unstructured.Unstructured) bool {
		return o.GroupVersionKind().Group == rbacv1.GroupName || o.GetLabels()["app.kubernetes.io/component"] == "broker"
	}); err != nil {
		return nil, err
	}
	user, err := environment.AddUser(envtest.User{
		Name: "system:serviceaccount:kube-system:lanyard-mic", Groups: []string{"system:serviceaccounts", "system:authenticated"},
	}, &rest.Config{QPS: -1})
	if err != nil {
		return nil, err
	}
	admin, err := environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return nil, err
	}
	if adminKubeconfig, err = admin.KubeConfig(); err != nil {
		return nil, err
	}
	if micKubeconfig, err = user.KubeConfig(); err != nil {
		return nil, err
	}
	return user.Config(), nil
}
