package node

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// ownLabels are those that a node may give itself: NodeRestriction reserves
// the kubernetes.io and k8s.io names, but for a few. The others are set by the
// engine, as a cloud's controller sets them.
func ownLabels(labels map[string]string) map[string]string {
	own := maps.Clone(labels)
	maps.DeleteFunc(own, func(key, _ string) bool { return !mayLabelItself(key) })
	return own
}

func mayLabelItself(key string) bool {
	domain, _, ok := strings.Cut(key, "/")
	if !ok {
		return true
	}
	reserved := domain == "kubernetes.io" || strings.HasSuffix(domain, ".kubernetes.io") ||
		domain == "k8s.io" || strings.HasSuffix(domain, ".k8s.io")
	if !reserved {
		return true
	}
	for _, allowed := range []string{"kubelet.kubernetes.io", "node.kubernetes.io"} {
		if domain == allowed || strings.HasSuffix(domain, "."+allowed) {
			return true
		}
	}
	return slices.Contains([]string{
		"kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os",
		"topology.kubernetes.io/region", "topology.kubernetes.io/zone",
		"failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
		"beta.kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/instance-type",
	}, key)
}

func encodeLabels(labels map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, k+"="+labels[k])
	}
	return strings.Join(pairs, ",")
}

// encodeTaints writes taints for the kubelet's configuration.
func encodeTaints(taints []string) []object {
	var out []object
	for _, t := range Taints(taints) {
		out = append(out, object{"key": t.Key, "value": t.Value, "effect": string(t.Effect)})
	}
	return out
}

// Taints reads taints as the cloud writes them, "key=value:Effect".
func Taints(taints []string) []corev1.Taint {
	var out []corev1.Taint
	for _, t := range taints {
		pair, effect, _ := strings.Cut(t, ":")
		key, value, _ := strings.Cut(pair, "=")
		out = append(out, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}
	return out
}
