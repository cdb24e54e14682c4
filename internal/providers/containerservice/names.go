package containerservice

import (
	"fmt"
	"hash/fnv"
	"math/rand" //nolint:depguard // aks-engine's digits come from this generator; nothing here is secret
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// nodeResourceGroupName is where a cluster's own resources go unless the client names another group. It isn't
// shortened: a name that gets too long is refused.
func nodeResourceGroupName(cluster armid.ID, location string) string {
	return "MC_" + cluster.ResourceGroup() + "_" + cluster.Name() + "_" + location
}

// maxNodeResourceGroup is AKS's limit, ten below that of ARM, which leaves room for its own suffixes.
const maxNodeResourceGroup = 80

// resourceDigits are the eight digits in the names of a cluster's scale sets and networks. They follow from the DNS
// prefix, as in aks-engine: a pseudo-random number seeded with the prefix's FNV-1a hash. Nothing about them is secret.
func resourceDigits(dnsPrefix string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(dnsPrefix)) // never fails
	r := rand.New(rand.NewSource(int64(h.Sum64())))
	return fmt.Sprintf("%08d", r.Uint32())[:8]
}

func scaleSetName(pool, digits string) string { return "aks-" + pool + "-" + digits + "-vmss" }

// computerName is an instance's host name, under which its node is known to Kubernetes: the scale set's name and the
// instance number in base 36.
func computerName(scaleSet string, instance int) string {
	number := strconv.FormatInt(int64(instance), 36)
	return scaleSet + strings.Repeat("0", max(0, 6-len(number))) + number
}

func kubeletIdentityName(cluster string) string { return cluster + "-agentpool" }

func defaultVNetName(digits string) string { return "aks-vnet-" + digits }

const defaultSubnetName = "aks-subnet"

// derivedGUID names something that a plan makes, so that a repeated step finds what it made the first time.
func derivedGUID(parts ...string) string {
	// A namespace of our own separates these GUIDs from everybody else's.
	namespace := uuid.MustParse("0f7f3c1e-5c55-4d0c-9d0a-5a5f6d1f3b0e")
	return uuid.NewSHA1(namespace, []byte(strings.ToLower(strings.Join(parts, "|")))).String()
}

// defaultDNSPrefix is what the clients make up when the user gives none: at most ten characters of the cluster's name,
// sixteen of the group's and six of the subscription.
func defaultDNSPrefix(cluster armid.ID) string {
	name := firstOf(dnsLetters(cluster.Name()), 10)
	if name == "" || !isLetter(name[0]) {
		name = firstOf("a"+name, 10)
	}
	return name + "-" + firstOf(dnsLetters(cluster.ResourceGroup()), 16) + "-" + firstOf(cluster.Subscription(), 6)
}

func dnsLetters(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (isLetter(byte(r)) || r >= '0' && r <= '9' || r == '-') {
			return r
		}
		return -1
	}, s)
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func firstOf(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
