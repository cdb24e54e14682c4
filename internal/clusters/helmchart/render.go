package helmchart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Release is what a chart is rendered for.
type Release struct {
	Name      string
	Namespace string
	// KubernetesVersion is the cluster's, with or without "v".
	KubernetesVersion string
	// Values are laid over the chart's own.
	Values map[string]any
}

// Render gives the objects that an installation of the chart in folder dir of files would make, custom resource
// definitions first.
func Render(files fs.FS, dir string, r Release) ([]*unstructured.Unstructured, error) {
	c, err := load(files, dir)
	if err != nil {
		return nil, fmt.Errorf("reading chart %s: %w", dir, err)
	}
	documents, err := render(c, r)
	if err != nil {
		return nil, fmt.Errorf("rendering chart %s: %w", dir, err)
	}
	for i, crd := range c.CRDObjects() {
		documents = slices.Insert(documents, i, string(crd.File.Data))
	}
	var objects []*unstructured.Unstructured
	for _, document := range documents {
		parsed, err := parse(document)
		if err != nil {
			return nil, fmt.Errorf("reading what chart %s renders: %w", dir, err)
		}
		objects = append(objects, parsed...)
	}
	// Hooks, such as tests, belong to moments of a release.
	objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetAnnotations()[release.HookAnnotation] != "" })
	for _, o := range objects {
		if o.GetNamespace() == "" && namespaced(o) {
			o.SetNamespace(r.Namespace)
		}
	}
	return objects, nil
}

func load(files fs.FS, dir string) (*chart.Chart, error) {
	var buffered []*loader.BufferedFile
	err := fs.WalkDir(files, dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		buffered = append(buffered, &loader.BufferedFile{Name: strings.TrimPrefix(name, dir+"/"), Data: data})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return loader.LoadFiles(buffered)
}

// render gives the rendered templates in a steady order.
func render(c *chart.Chart, r Release) ([]string, error) {
	version, err := chartutil.ParseKubeVersion(r.KubernetesVersion)
	if err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	values, err := chartutil.ToRenderValues(c, r.Values, chartutil.ReleaseOptions{
		Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true,
	}, capabilities)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Render(c, values)
	if err != nil {
		return nil, err
	}
	var documents []string
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" {
			documents = append(documents, rendered[name])
		}
	}
	return documents, nil
}

// parse reads a file of YAML documents; empty ones are nothing.
func parse(file string) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(file)), 4096)
	var objects []*unstructured.Unstructured
	for {
		content := map[string]any{}
		err := decoder.Decode(&content)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(content) > 0 {
			objects = append(objects, &unstructured.Unstructured{Object: content})
		}
	}
}

// namespaced reports whether an object without a namespace needs one: of the kinds that charts have, those that belong
// to the cluster are these.
func namespaced(o *unstructured.Unstructured) bool {
	switch o.GetKind() {
	case "Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "StorageClass",
		"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding":
		return false
	}
	return true
}
