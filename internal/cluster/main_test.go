package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// api is a real kube-apiserver on a real etcd, one for all tests of the package.
var api *rest.Config

func TestMain(m *testing.M) {
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
	environment := &envtest.Environment{
		BinaryAssetsDirectory: kube,
		CRDDirectoryPaths:     []string{filepath.Join(root, "config", "crd")},
		ErrorIfCRDPathMissing: true,
	}
	api, err = environment.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting kube-apiserver:", err)
		return 1
	}
	api.QPS = -1 // the server's own fairness is limit enough
	defer func() {
		if err := environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping kube-apiserver:", err)
		}
	}()
	return m.Run()
}
