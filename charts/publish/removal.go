package main

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// removal makes of nmi's DaemonSet one that takes the rules off each node, and has nothing to do from then on.
func removal(nmi *unstructured.Unstructured) *unstructured.Unstructured {
	const name = "lanyard-remove-rules"
	pod, _, _ := unstructured.NestedMap(nmi.Object, "spec", "template", "spec")
	containers, _, _ := unstructured.NestedSlice(pod, "initContainers")
	rules, _ := containers[0].(map[string]any)
	args, _ := rules["args"].([]any)
	rules["args"] = append([]any{"remove-rules"}, args[1:]...)
	agent, _, _ := unstructured.NestedSlice(pod, "containers")
	done := map[string]any{"name": "done", "args": []any{"probe"}}
	done["image"] = agent[0].(map[string]any)["image"] //nolint:forcetypeassert,nolintlint // the chart's own
	done["securityContext"] = map[string]any{
		"runAsUser": int64(65532), "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
		"capabilities": map[string]any{"drop": []any{"ALL"}},
	}
	labels := map[string]any{"app.kubernetes.io/name": name}
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "DaemonSet",
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{
					"hostNetwork": true, "automountServiceAccountToken": false, "terminationGracePeriodSeconds": int64(0),
					"nodeSelector": pod["nodeSelector"], "tolerations": pod["tolerations"],
					"initContainers": []any{rules}, "containers": []any{done}, "volumes": pod["volumes"],
				},
			},
		},
	}}
	o.SetName(name)
	o.SetNamespace(nmi.GetNamespace())
	return o
}
