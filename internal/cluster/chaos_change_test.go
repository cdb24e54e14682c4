package cluster_test

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// The few names there are, so that things meet.
var (
	resources = []string{"r0", "r1", "r2", "before", forbidden, missing}
	labels    = []string{"l0", "l1", "l2"}
)

// makeNodes makes two nodes of a scale set, one of another in another
// subscription, a single machine, and one that isn't Azure's.
func (c *chaos) makeNodes() {
	const providers = "/providers/Microsoft.Compute/"
	sets := map[string]string{
		"a": "/subscriptions/s1/resourceGroups/MC_a" + providers + "virtualMachineScaleSets/" + c.ns,
		"b": "/subscriptions/s2/resourceGroups/MC_a" + providers + "virtualMachineScaleSets/" + c.ns,
		"m": "/subscriptions/s1/resourceGroups/MC_a" + providers + "virtualMachines/" + c.ns,
	}
	for _, set := range sets {
		c.arm.AddScaleSet(set, 1, resourceID("kubelet"), resourceID("before"))
		c.world.foreign[set] = map[string]bool{"kubelet": true, "before": true}
	}
	for node, at := range map[string][2]string{
		"a0": {sets["a"], "/virtualMachines/0"}, "a1": {sets["a"], "/virtualMachines/1"}, "b0": {sets["b"], "/virtualMachines/0"}, "m": {sets["m"], ""},
	} {
		c.node(c.ns+"-"+node, at[0]+at[1])
		c.world.nodes[c.ns+"-"+node] = place(at[0])
	}
	outside := c.ns + "-outside"
	c.create(&corev1.Node{ObjectMeta: named(outside), Spec: corev1.NodeSpec{ProviderID: "kind://docker/kind/worker"}})
	c.world.nodes[outside] = ""
}

// meddle is what others do to scale sets: they take what is ours, and bring theirs.
func (c *chaos) meddle() {
	set := string(c.world.nodes[c.ns+"-"+c.pick("a0", "b0", "m")])
	if c.random.IntN(2) == 0 {
		c.arm.Unassign(set, resourceID(c.pick("r0", "r1", "r2")))
		return
	}
	stranger := fmt.Sprintf("stranger%d", c.random.IntN(5))
	c.arm.Assign(set, resourceID(stranger))
	c.world.foreign[set][stranger] = true
}

// change is what users do.
func (c *chaos) change() {
	switch n := c.random.IntN(20); {
	case n < 5:
		c.putPod()
	case n < 8:
		c.dropPod(c.key("p", 6))
	case n < 9:
		c.completePod()
	case n < 11:
		c.relabelPod()
	case n < 14:
		c.putBinding()
	case n < 15:
		c.dropBinding()
	case n < 19:
		c.putIdentity()
	default:
		c.dropIdentity()
	}
}

func (c *chaos) pick(names ...string) string { return names[c.random.IntN(len(names))] }

func (c *chaos) key(prefix string, count int) string {
	return c.spaces[c.random.IntN(2)] + "/" + fmt.Sprint(prefix, c.random.IntN(count))
}

func (c *chaos) someNode() string {
	return c.ns + "-" + c.pick("a0", "a0", "a1", "b0", "m", "outside")
}

// putPod makes a pod, or, as a StatefulSet does, makes it anew somewhere else.
func (c *chaos) putPod() {
	key := c.key("p", 6)
	c.dropPod(key)
	p := worldPod{label: c.pick(labels...), node: c.someNode()}
	namespace, name, _ := strings.Cut(key, "/")
	c.pod(namespace, name, p.label, p.node)
	c.world.pods[key] = p
}

func (c *chaos) dropPod(key string) {
	if _, ok := c.world.pods[key]; !ok {
		return
	}
	namespace, name, _ := strings.Cut(key, "/")
	c.delete(&corev1.Pod{ObjectMeta: namedIn(namespace, name)})
	delete(c.world.pods, key)
}

func (c *chaos) completePod() {
	key := c.key("p", 6)
	p, ok := c.world.pods[key]
	if !ok || p.completed {
		return
	}
	namespace, name, _ := strings.Cut(key, "/")
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"phase":"`+c.pick("Succeeded", "Failed")+`"}}`))
	if err := c.kube.Status().Patch(c.t.Context(), &corev1.Pod{ObjectMeta: namedIn(namespace, name)}, patch); err != nil {
		c.t.Fatal(err)
	}
	p.completed = true
	c.world.pods[key] = p
}

func (c *chaos) relabelPod() {
	key := c.key("p", 6)
	p, ok := c.world.pods[key]
	if !ok {
		return
	}
	namespace, name, _ := strings.Cut(key, "/")
	p.label = c.pick(labels...)
	change(c.lab, &corev1.Pod{ObjectMeta: namedIn(namespace, name)}, func(pod *corev1.Pod) { pod.Labels[aadpodid.PodLabel] = p.label })
	c.world.pods[key] = p
}

func (c *chaos) putBinding() {
	key := c.key("b", 4)
	b := worldBinding{identity: fmt.Sprint("i", c.random.IntN(3)), selector: c.pick(labels...)}
	namespace, name, _ := strings.Cut(key, "/")
	c.put(&aadpodid.AzureIdentityBinding{
		ObjectMeta: namedIn(namespace, name), Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: b.identity, Selector: b.selector},
	})
	c.world.bindings[key] = b
}

func (c *chaos) dropBinding() {
	key := c.key("b", 4)
	if _, ok := c.world.bindings[key]; !ok {
		return
	}
	namespace, name, _ := strings.Cut(key, "/")
	c.delete(&aadpodid.AzureIdentityBinding{ObjectMeta: namedIn(namespace, name)})
	delete(c.world.bindings, key)
}

func (c *chaos) putIdentity() {
	key := c.key("i", 3)
	i := worldIdentity{resource: c.pick(resources...), confined: c.random.IntN(3) == 0, wrongUser: c.random.IntN(6) == 0}
	spec := aadpodid.AzureIdentitySpec{ResourceID: resourceID(i.resource), ClientID: "CLIENT-of-" + i.resource}
	if i.wrongUser {
		spec.ClientID = "client-of-somebody"
	}
	switch c.random.IntN(8) {
	case 0:
		i.kind = principal
		spec = aadpodid.AzureIdentitySpec{Type: aadpodid.ServicePrincipal, ClientID: "sp", ClientPassword: corev1.SecretReference{Name: "s"}}
	case 1:
		i.kind = unusable
		spec.ResourceID = ""
	}
	namespace, name, _ := strings.Cut(key, "/")
	identity := &aadpodid.AzureIdentity{ObjectMeta: namedIn(namespace, name), Spec: spec}
	if i.confined {
		identity.Annotations = map[string]string{aadpodid.BehaviorAnnotation: aadpodid.BehaviorNamespaced}
	}
	c.put(identity)
	c.world.identities[key] = i
}

func (c *chaos) dropIdentity() {
	key := c.key("i", 3)
	if _, ok := c.world.identities[key]; !ok {
		return
	}
	namespace, name, _ := strings.Cut(key, "/")
	c.delete(&aadpodid.AzureIdentity{ObjectMeta: namedIn(namespace, name)})
	delete(c.world.identities, key)
}

// put creates an object or replaces it.
func (c *chaos) put(o client.Object) {
	err := c.kube.Create(c.t.Context(), o.DeepCopyObject().(client.Object))
	for apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
		have := o.DeepCopyObject().(client.Object)
		if err = c.kube.Get(c.t.Context(), client.ObjectKeyFromObject(o), have); err != nil {
			break
		}
		o.SetResourceVersion(have.GetResourceVersion())
		err = c.kube.Update(c.t.Context(), o)
	}
	if err != nil {
		c.t.Fatalf("putting %T %s: %v", o, o.GetName(), err)
	}
}
