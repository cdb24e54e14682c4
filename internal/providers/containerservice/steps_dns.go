package containerservice

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

const (
	dnsSet       = "dns"
	dnsName      = "coredns"
	dnsNamespace = "kube-system"
	// dnsPort is above those that only root may listen at; the service's is 53.
	dnsPort = 1053
)

// ensureDNS brings the cluster's name server into the cluster. Nothing waits for it: it starts with the first node.
func (p *Provider) ensureDNS(ctx context.Context, w *work) error {
	if p.DNSImage == "" {
		return nil
	}
	return p.Engine.Apply(ctx, w.state.Key, objects.Set{Name: dnsSet, Objects: dnsObjects(p.DNSImage, w.is.NetworkProfile.DNSServiceIP)})
}

// corefile answers for services and pods. For every other name it asks the virtual network's own name server, which knows
// the cloud's names, DNS zones and the private zones that are linked to the network; other names don't exist there. It is
// cached for a short time only: a record that changes is soon seen.
func corefile() string {
	return fmt.Sprintf(`cluster.local:%[1]d in-addr.arpa:%[1]d ip6.arpa:%[1]d {
    errors
    health :8080 {
        lameduck 5s
    }
    ready :8181
    prometheus :9153
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
    }
    cache 30
    loadbalance
    reload
}
.:%[1]d {
    errors
    forward . %[2]s
    cache 5
}
`, dnsPort, vnet.Platform())
}

// dnsObjects are named as those of AKS: clients look for the service kube-dns and the label k8s-app.
func dnsObjects(image, address string) []*unstructured.Unstructured {
	type object = map[string]any
	labels := object{"k8s-app": "kube-dns"}
	named := func(version, kind, namespace, name string, content object) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: object{"apiVersion": version, "kind": kind}}
		for member, value := range content {
			o.Object[member] = value
		}
		o.SetNamespace(namespace)
		o.SetName(name)
		o.SetLabels(map[string]string{"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS", managedByLabel: managedByAKS})
		return o
	}
	port := func(name string, number int64) object {
		return object{"name": name, "containerPort": number, "protocol": map[bool]string{true: "UDP", false: "TCP"}[name == "dns"]}
	}
	probe := func(path string, number int64) object {
		return object{"httpGet": object{"path": path, "port": number, "scheme": "HTTP"}}
	}
	container := object{
		"name": dnsName, "image": image, "imagePullPolicy": "IfNotPresent", "args": []any{"-conf", "/etc/coredns/Corefile"},
		"ports":          []any{port("dns", dnsPort), port("dns-tcp", dnsPort), port("metrics", 9153)},
		"livenessProbe":  probe("/health", 8080),
		"readinessProbe": probe("/ready", 8181),
		"resources":      object{"requests": object{"cpu": "50m", "memory": "32Mi"}, "limits": object{"memory": "170Mi"}},
		"securityContext": object{
			"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true, "runAsUser": int64(65532),
			"capabilities": object{"drop": []any{"ALL"}}, "seccompProfile": object{"type": "RuntimeDefault"},
		},
		"volumeMounts": []any{object{"name": "config", "mountPath": "/etc/coredns", "readOnly": true}},
	}
	role := object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"}
	return []*unstructured.Unstructured{
		named("v1", "ServiceAccount", dnsNamespace, dnsName, nil),
		named("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:coredns", object{"rules": []any{
			object{"apiGroups": []any{""}, "resources": []any{"endpoints", "services", "pods", "namespaces"}, "verbs": []any{"list", "watch"}},
			object{"apiGroups": []any{"discovery.k8s.io"}, "resources": []any{"endpointslices"}, "verbs": []any{"list", "watch"}},
		}}),
		named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "system:coredns", object{
			"roleRef": role, "subjects": []any{object{"kind": "ServiceAccount", "name": dnsName, "namespace": dnsNamespace}},
		}),
		named("v1", "ConfigMap", dnsNamespace, dnsName, object{"data": object{"Corefile": corefile()}}),
		named("v1", "Service", dnsNamespace, "kube-dns", object{"spec": object{
			"selector": labels, "clusterIP": address, "ports": []any{
				object{"name": "dns", "port": int64(53), "targetPort": int64(dnsPort), "protocol": "UDP"},
				object{"name": "dns-tcp", "port": int64(53), "targetPort": int64(dnsPort), "protocol": "TCP"},
			},
		}}),
		named("apps/v1", "Deployment", dnsNamespace, dnsName, object{"spec": object{
			"replicas": int64(1), "selector": object{"matchLabels": labels},
			"template": object{
				"metadata": object{"labels": labels},
				"spec": object{
					"serviceAccountName": dnsName, "priorityClassName": "system-cluster-critical", "dnsPolicy": "Default",
					"nodeSelector": object{"kubernetes.io/os": "linux"},
					"tolerations":  []any{object{"key": "CriticalAddonsOnly", "operator": "Exists"}},
					"containers":   []any{container},
					"volumes":      []any{object{"name": "config", "configMap": object{"name": dnsName}}},
				},
			},
		}}),
	}
}
