package containerservice

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lanyard-project/lanyard/charts"
	"github.com/lanyard-project/lanyard/internal/clusters/helmchart"
)

// The names under which the add-on's objects are in the cluster.
const (
	podIdentitySet     = "pod-identity"
	podIdentityRemoval = "pod-identity-removal"
	podIdentityRelease = "aks-pod-identity"

	aadPodIdentity = "aadpodidentity.k8s.io/v1"
	bindingSuffix  = "-binding"
)

// podIdentityObjects are nmi from the chart, the exceptions, and an AzureIdentity with its binding for each entry that is
// in force. Namespaces are made where they are missing, since AKS does.
func (p *Provider) podIdentityObjects(w *work, inForce func(podIdentity) bool) ([]*unstructured.Unstructured, error) {
	profile := w.is.PodIdentityProfile
	exceptions := append([]podIdentityException{{
		Name: addonException, Namespace: addonExceptionNamespace, PodLabels: map[string]string{managedByLabel: managedByAKS},
	}}, profile.Exceptions...)
	namespaces := map[string]bool{}
	var own []*unstructured.Unstructured
	for _, e := range exceptions {
		namespaces[e.Namespace] = true
		labels := map[string]any{}
		for name, value := range e.PodLabels {
			labels[name] = value
		}
		own = append(own, kubernetesObject(aadPodIdentity, "AzurePodIdentityException", e.Namespace, e.Name, map[string]any{"podLabels": labels}))
	}
	excepted := slices.Sorted(maps.Keys(namespaces))
	all, err := p.nmiObjects(w, excepted)
	if err != nil {
		return nil, err
	}
	for _, i := range profile.Identities {
		if !inForce(i) {
			continue
		}
		namespaces[i.Namespace] = true
		own = append(own,
			kubernetesObject(aadPodIdentity, "AzureIdentity", i.Namespace, i.Name, map[string]any{
				"type": int64(0), "resourceID": i.Identity.ResourceID, "clientID": i.Identity.ClientID,
			}),
			kubernetesObject(aadPodIdentity, "AzureIdentityBinding", i.Namespace, i.Name+bindingSuffix, map[string]any{
				"azureIdentity": i.Name, "selector": i.selector(),
			}))
	}
	for _, name := range slices.Sorted(maps.Keys(namespaces)) {
		all = append(all, kubernetesObject("v1", "Namespace", "", name, nil))
	}
	return append(all, own...), nil
}

// nmiObjects are the chart's in managed mode, with the CRDs first. Exceptions count in the namespaces that the profile
// names one for, and in kube-system: who may label pods elsewhere shall not be able to get the node's own identities.
func (p *Provider) nmiObjects(w *work, exceptionNamespaces []string) ([]*unstructured.Unstructured, error) {
	nmi := map[string]any{"podLabels": map[string]any{managedByLabel: managedByAKS}, "podNetwork": "routed"}
	var excepted []any
	for _, name := range exceptionNamespaces {
		excepted = append(excepted, name)
	}
	nmi["exceptionNamespaces"] = excepted
	if w.is.NetworkProfile.NetworkPlugin == pluginKubenet {
		nmi["podNetwork"] = "bridge"
	}
	values, version := map[string]any{}, p.KubernetesVersion
	if w.is.connected() {
		values, version = p.connectedValues(w, nmi), w.state.Connected.Version
	} else if p.CgroupFolder != "" {
		// the nodes have version 1 as well, where containers see the node's groups without more rights
		nmi["cgroupFolder"], nmi["rulesPrivileged"] = p.CgroupFolder, false
	}
	maps.Copy(values, map[string]any{
		"operationMode": "managed", "fullnameOverride": podIdentityRelease, "nmi": nmi, "installMICException": "false",
		// AKS leaves policies against NET_RAW to those who set the cluster up; the rules hold spoofers off either way.
		"requireDropNetRaw": map[string]any{"enabled": "false"},
	})
	rendered, err := helmchart.Render(charts.Lanyard, "lanyard", helmchart.Release{
		Name: podIdentityRelease, Namespace: addonExceptionNamespace, KubernetesVersion: version, Values: values,
	})
	if err != nil {
		return nil, fmt.Errorf("rendering nmi: %w", err)
	}
	return rendered, nil
}

// nmiRemovalObjects take nmi's rules off the nodes: they stay when nmi ends, and a node without nmi would refuse instance
// metadata to every pod for ever.
func (p *Provider) nmiRemovalObjects(w *work) ([]*unstructured.Unstructured, error) {
	all, err := p.nmiObjects(w, []string{addonExceptionNamespace})
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		rules := rulesContainer(o)
		if rules == nil {
			continue
		}
		args, _ := rules["args"].([]any)
		rules["args"] = append([]any{"remove-rules"}, args[1:]...)
		labels := map[string]any{"app.kubernetes.io/name": podIdentityRemoval}
		return []*unstructured.Unstructured{kubernetesObject("apps/v1", "DaemonSet", addonExceptionNamespace, podIdentityRemoval, map[string]any{
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{
					"hostNetwork": true, "tolerations": []any{map[string]any{"operator": "Exists"}}, "nodeSelector": map[string]any{"kubernetes.io/os": "linux"},
					"terminationGracePeriodSeconds": int64(0), "automountServiceAccountToken": false,
					"initContainers": []any{map[string]any(rules)},
					"containers":     []any{map[string]any{"name": "done", "image": p.PauseImage, "imagePullPolicy": "IfNotPresent"}},
					"volumes":        volumesOf(o, rules),
				},
			},
		})}, nil
	}
	return nil, errors.New("the chart has no DaemonSet that installs rules")
}

// rulesContainer is the container that installs the rules on a node, if the object has it.
func rulesContainer(o *unstructured.Unstructured) document {
	if o.GetKind() != "DaemonSet" {
		return nil
	}
	initial, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "initContainers")
	for _, c := range initial {
		container := asObject(c)
		if args, _ := container["args"].([]any); len(args) > 0 && args[0] == "rules" {
			return container
		}
	}
	return nil
}

// volumesOf are those that a container of the DaemonSet has. Others may need what is gone already.
func volumesOf(daemonSet *unstructured.Unstructured, container document) []any {
	volumes, _, _ := unstructured.NestedSlice(daemonSet.Object, "spec", "template", "spec", "volumes")
	mounted := map[string]bool{}
	for _, mount := range container.objects("volumeMounts") {
		mounted[mount.text("name")] = true
	}
	return slices.DeleteFunc(volumes, func(v any) bool { return !mounted[asObject(v).text("name")] })
}

func kubernetesObject(version, kind, namespace, name string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind}}
	o.SetNamespace(namespace)
	o.SetName(name)
	if spec != nil {
		o.Object["spec"] = spec
		o.SetLabels(map[string]string{managedByLabel: managedByAKS})
	}
	return o
}
