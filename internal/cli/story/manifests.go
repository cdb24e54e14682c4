package story

import (
	"fmt"
)

// identityManifest is the AzureIdentity and AzureIdentityBinding of seed 001,
// with the fields of the CRDs that the page left out.
func identityManifest(name, resourceID, clientID string) string {
	return fmt.Sprintf(`apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata:
  name: %[1]s
  namespace: %[4]s
spec:
  type: 0
  resourceID: %[2]s
  clientID: %[3]s
---
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentityBinding
metadata:
  name: %[1]s-binding
  namespace: %[4]s
spec:
  azureIdentity: %[1]s
  selector: %[1]s
`, name, resourceID, clientID, namespace)
}

// demoManifest is demo.yaml as seed 003 prints it, with its variables filled and
// its image from our registry.
func demoManifest(podIdentityName, subscriptionID, clientID, resourceGroup string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: demo
  labels:
    aadpodidbinding: %s
spec:
  containers:
  - name: demo
    image: %s
    args:
      - --subscriptionid=%s
      - --clientid=%s
      - --resourcegroup=%s
    env:
      - name: MY_POD_NAME
        valueFrom:
          fieldRef:
            fieldPath: metadata.name
      - name: MY_POD_NAMESPACE
        valueFrom:
          fieldRef:
            fieldPath: metadata.namespace
      - name: MY_POD_IP
        valueFrom:
          fieldRef:
            fieldPath: status.podIP
  nodeSelector:
    kubernetes.io/os: linux
`, podIdentityName, DemoImage, subscriptionID, clientID, resourceGroup)
}

// askManifest is a pod that makes one plain token request and prints the
// answer. An empty binding means no label.
func askManifest(name, binding, clientID string, hostNetwork bool) string {
	label := ""
	if binding != "" {
		label = "\n  labels:\n    aadpodidbinding: " + binding
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: %s
  namespace: %s%s
spec:
  restartPolicy: Never
  hostNetwork: %t
  containers:
  - name: ask
    image: %s
    args: ["--raw", "--clientid=%s"]
  nodeSelector:
    kubernetes.io/os: linux
`, name, namespace, label, hostNetwork, DemoImage, clientID)
}
