package balancer

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/cloud-provider/service/helpers"
)

// Annotations of a Service, by the names of Azure's cloud provider.
const (
	annotationPrefix  = "service.beta.kubernetes.io/azure-"
	internalLB        = annotationPrefix + "load-balancer-internal"
	internalSubnet    = annotationPrefix + "load-balancer-internal-subnet"
	addressGroup      = annotationPrefix + "load-balancer-resource-group"
	addressName       = annotationPrefix + "pip-name"
	addressV4         = annotationPrefix + "load-balancer-ipv4"
	labelName         = annotationPrefix + "dns-label-name"
	idleTimeout       = annotationPrefix + "load-balancer-tcp-idle-timeout"
	noFloatingAddress = annotationPrefix + "disable-load-balancer-floating-ip"
	probePath         = annotationPrefix + "load-balancer-health-probe-request-path"
	probeInterval     = annotationPrefix + "load-balancer-health-probe-interval"
	probeCount        = annotationPrefix + "load-balancer-health-probe-num-of-probe"
)

// wish is what a Service says about its load balancer.
type wish struct {
	service *corev1.Service
	// base begins the names of everything that is the Service's own.
	base     string
	internal bool
	// subnet is where an internal one has its address; "" is the nodes'.
	subnet string
	// address is the one that the user wants, if he wants a certain one.
	address string
	// publicName and publicGroup name a public address of the user's.
	publicName, publicGroup string
	label                   string

	idleMinutes   int32
	floating      bool
	probePath     string
	probeInterval int32
	probeCount    int32
	sources       []string // "Internet" if everybody
}

func read(service *corev1.Service) (wish, error) {
	a := service.Annotations
	w := wish{
		service: service, base: cloudprovider.DefaultLoadBalancerName(service),
		internal: strings.EqualFold(a[internalLB], "true"), subnet: strings.TrimSpace(a[internalSubnet]),
		publicName: strings.TrimSpace(a[addressName]), publicGroup: strings.TrimSpace(a[addressGroup]), label: strings.TrimSpace(a[labelName]),
		floating: !strings.EqualFold(a[noFloatingAddress], "true"), probePath: a[probePath],
	}
	if w.address = strings.TrimSpace(a[addressV4]); w.address == "" {
		w.address = service.Spec.LoadBalancerIP
	}
	if w.address != "" {
		if _, err := netip.ParseAddr(w.address); err != nil {
			return wish{}, fmt.Errorf("the address %q that the service wants isn't one", w.address)
		}
	}
	for _, number := range []struct {
		name            string
		into            *int32
		otherwise       int32
		lowest, highest int32
	}{
		{idleTimeout, &w.idleMinutes, 4, 4, 100}, {probeInterval, &w.probeInterval, 5, 5, 1 << 30}, {probeCount, &w.probeCount, 2, 1, 1 << 30},
	} {
		*number.into = number.otherwise
		text := strings.TrimSpace(a[number.name])
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || int32(n) < number.lowest || int32(n) > number.highest {
			return wish{}, fmt.Errorf("annotation %s: %q isn't a number from %d to %d", number.name, text, number.lowest, number.highest)
		}
		*number.into = int32(n)
	}
	for _, port := range service.Spec.Ports {
		if port.Protocol != corev1.ProtocolTCP && port.Protocol != corev1.ProtocolUDP {
			return wish{}, fmt.Errorf("only TCP and UDP are balanced, not %s of port %d", port.Protocol, port.Port)
		}
	}
	return w, w.readSources()
}

func (w *wish) readSources() error {
	ranges, err := helpers.GetLoadBalancerSourceRanges(w.service)
	if err != nil {
		return err
	}
	if helpers.IsAllowAll(ranges) {
		w.sources = []string{"Internet"}
		return nil
	}
	w.sources = ranges.StringSlice()
	return nil
}

// balancer is the load balancer that the Service is on.
func (w wish) balancer(cluster string) string {
	if w.internal {
		return cluster + "-internal"
	}
	return cluster
}

// frontend is the name of the frontend that the Service makes if it finds none.
func (w wish) frontend() string {
	if w.internal && w.subnet != "" {
		return w.base + "-" + w.subnet
	}
	return w.base
}

// ownAddress is the name of the public address that the Service makes for itself.
func (w wish) ownAddress(cluster string) string { return cluster + "-" + w.base }

// brought reports whether the public address is one of the user's.
func (w wish) brought() bool { return w.publicName != "" || w.address != "" }

// owner is how tags name the Service.
func (w wish) owner() string { return w.service.Namespace + "/" + w.service.Name }

// owns reports whether a part of a load balancer or security group is the
// Service's, by its name.
func (w wish) owns(name *string) bool {
	return name != nil && (strings.EqualFold(*name, w.base) || len(*name) > len(w.base) && strings.EqualFold((*name)[:len(w.base)+1], w.base+"-"))
}
