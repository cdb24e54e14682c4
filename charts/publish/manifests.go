package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/charts"
	"github.com/lanyard-project/lanyard/internal/clusters/helmchart"
)

// manifest is a file, the values that it is rendered with, what of the rendered goes into it (nil is everything), and what becomes
// of it.
type manifest struct {
	file, about string
	values      map[string]any
	takes       func(*unstructured.Unstructured) bool
	becomes     func(*unstructured.Unstructured) *unstructured.Unstructured
}

// kubernetesVersion is one with all that the chart may ask for.
const kubernetesVersion = "1.34.0"

func all() []manifest {
	// On its first application kubectl doesn't know exceptions before the file's definitions are there.
	const apart = "installMICException"
	return []manifest{
		{"lanyard.yaml", "mic and nmi, standard mode.", map[string]any{apart: "false"}, nil, nil},
		{"managed.yaml", "nmi alone, managed mode.", map[string]any{apart: "false", "operationMode": "managed"}, nil, nil},
		{
			"noazurejson.yaml", "mic and nmi where nodes have no azure.json: mic signs in as a service principal. Fill its Secret in.",
			map[string]any{apart: "false", "adminsecret": map[string]any{
				"cloud": "AzurePublicCloud", "subscriptionID": "<SUBSCRIPTION ID>", "resourceGroup": "<NODE RESOURCE GROUP>", "vmType": "vmss",
				"tenantID": "<TENANT ID>", "clientID": "<CLIENT ID>", "clientSecret": "<CLIENT SECRET>",
			}}, nil, nil,
		},
		{"crds.yaml", "The custom resource definitions alone: Helm never upgrades those that are there.", nil, ofKind("CustomResourceDefinition"), nil},
		{"mic-exception.yaml", "Lets AKS's own components have the nodes' identities.", nil, ofKind("AzurePodIdentityException"), nil},
		{
			"remove-rules.yaml", "Takes nmi's rules off the nodes, after nmi itself: delete it once it has run everywhere.",
			map[string]any{"nmi": map[string]any{"selfTest": map[string]any{"enabled": false}}}, ofKind("DaemonSet"), removal,
		},
	}
}

func ofKind(kind string) func(*unstructured.Unstructured) bool {
	return func(o *unstructured.Unstructured) bool { return o.GetKind() == kind }
}

func manifests(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, m := range all() {
		text, err := m.text()
		if err != nil {
			return fmt.Errorf("making %s: %w", m.file, err)
		}
		//nolint:gosec // for everybody
		if err := os.WriteFile(filepath.Join(folder, m.file), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (m manifest) text() ([]byte, error) {
	objects, err := helmchart.Render(charts.Lanyard, "lanyard", helmchart.Release{
		Name: "lanyard", Namespace: "kube-system", KubernetesVersion: kubernetesVersion, Values: m.values,
	})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s\n# Written by make generate from charts/lanyard; don't edit.\n", m.about)
	for _, o := range objects {
		if m.takes != nil && !m.takes(o) {
			continue
		}
		if m.becomes != nil {
			o = m.becomes(o)
		}
		labels := o.GetLabels()
		delete(labels, "app.kubernetes.io/managed-by")
		delete(labels, "helm.sh/chart")
		o.SetLabels(labels)
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("writing %s %s", o.GetKind(), o.GetName()), err)
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.Bytes(), nil
}
