package containerservice

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lanyard-project/lanyard/internal/clusters/objects"
)

const (
	storageSet = "storage"
	diskDriver = "disk.csi.azure.com"
)

// ensureStorage brings the storage classes of AKS into the cluster, as far as there is something behind them: managed disks.
func (p *Provider) ensureStorage(ctx context.Context, w *work) error {
	return p.Engine.Apply(ctx, w.state.Key, objects.Set{Name: storageSet, Objects: storageObjects()})
}

// storageObjects are named as those of AKS. A disk is made when the first pod that uses it is scheduled.
func storageObjects() []*unstructured.Unstructured {
	type object = map[string]any
	driver := &unstructured.Unstructured{Object: object{
		"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver",
		"spec": object{"attachRequired": true, "podInfoOnMount": false, "fsGroupPolicy": "File", "volumeLifecycleModes": []any{"Persistent"}},
	}}
	driver.SetName(diskDriver)
	all := []*unstructured.Unstructured{driver}
	for _, class := range []struct{ name, sku string }{
		{"default", "StandardSSD_LRS"}, {"managed", "StandardSSD_LRS"}, {"managed-csi", "StandardSSD_LRS"}, {"managed-premium", "Premium_LRS"}, {"managed-csi-premium", "Premium_LRS"},
	} {
		o := &unstructured.Unstructured{Object: object{
			"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": diskDriver,
			"parameters": object{"skuname": class.sku}, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
		}}
		o.SetName(class.name)
		if class.name == "default" {
			o.SetAnnotations(map[string]string{"storageclass.kubernetes.io/is-default-class": "true"})
		}
		all = append(all, o)
	}
	for _, o := range all {
		o.SetLabels(map[string]string{managedByLabel: managedByAKS})
	}
	return all
}
