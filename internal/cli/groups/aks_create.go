package groups

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const networkContributor = "4d97b98b-1d4f-4787-a291-c67834d212e7"

// createCluster does what az aks create does: it looks the identities up, grants them
// what the cluster needs, sends the cluster, and grants the kubelet identity AcrPull.
func createCluster(ctx context.Context, c *command.Call) (any, error) {
	if err := checkCreate(c); err != nil {
		return nil, err
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	where, err := locationOfGroup(ctx, c, client)
	if err != nil {
		return nil, err
	}
	ids, err := clusterIdentities(ctx, client, c)
	if err != nil {
		return nil, err
	}
	body, err := newCluster(c, client, where, ids)
	if err != nil {
		return nil, err
	}
	afterPut, err := grantSubnet(ctx, c, client, ids)
	if err != nil {
		return nil, err
	}
	path := clusterKind().path(client, c)
	operation, err := beginCreate(ctx, c, client, path, body)
	if err != nil {
		return nil, err
	}
	if afterPut != "" {
		grantSubnetToSystem(ctx, c, client, operation.Accepted.Object(), afterPut)
	}
	if c.On("no-wait") {
		return nil, nil
	}
	done := c.Progress("Running")
	cluster, err := operation.Wait(ctx)
	done()
	if err != nil {
		return nil, err
	}
	if registry := c.Get("attach-acr"); registry != "" {
		if err := attachACR(ctx, c, client, cluster, registry, false); err != nil {
			return nil, err
		}
	}
	return clusterKind().shaped(cluster), nil
}

// legalClusterName is the rule of which az tells before it asks anybody.
func legalClusterName() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9]([-_a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$`)
}

// checkCreate refuses what az refuses before it asks anybody.
func checkCreate(c *command.Call) error {
	if !legalClusterName().MatchString(c.Get("name")) {
		return command.Usage("--name cannot exceed 63 characters and can only contain letters, numbers, underscores (_) or dashes (-).")
	}
	if err := checkIDs(c, "vnet-subnet-id", "pod-subnet-id", "assign-identity", "assign-kubelet-identity"); err != nil {
		return err
	}
	switch {
	case c.Given("assign-kubelet-identity") && !c.Given("assign-identity"):
		return command.Usage("--assign-kubelet-identity can only be specified when --assign-identity is specified")
	case c.Given("dns-name-prefix") && c.Given("fqdn-subdomain"):
		return command.Usage("--dns-name-prefix and --fqdn-subdomain cannot be used at same time")
	case c.Get("network-plugin") == "" && (c.Given("pod-cidr") || c.Given("service-cidr") || c.Given("dns-service-ip") || c.Given("docker-bridge-address") || c.Given("network-policy")):
		return command.Usage("Please explicitly specify the network plugin type")
	case c.Get("network-plugin") == "azure" && c.Given("pod-cidr"):
		return command.Usage("Please use kubenet as the network plugin type when pod_cidr is specified")
	case c.Given("service-principal") && c.Given("assign-identity"):
		return command.Usage("--assign-identity can only be specified when --enable-managed-identity is specified")
	case (c.Get("min-count") == "" || c.Get("max-count") == "") && c.On("enable-cluster-autoscaler"):
		return command.Usage("Please specify both min-count and max-count when --enable-cluster-autoscaler enabled")
	case !c.On("enable-cluster-autoscaler") && (c.Given("min-count") || c.Given("max-count")):
		return command.Usage("min-count and max-count are required for --enable-cluster-autoscaler, please use the flag")
	case c.On("enable-azure-rbac") && !c.On("enable-aad"):
		return command.Usage("--enable-azure-rbac can only be used together with --enable-aad")
	case c.On("enable-workload-identity") && !c.On("enable-oidc-issuer"):
		return command.Usage("Enabling workload identity requires enabling OIDC issuer (--enable-oidc-issuer).")
	}
	return checkPodIdentity(c, c.Get("network-plugin"))
}

// checkIDs refuses values that can't be resource IDs.
func checkIDs(c *command.Call, options ...string) error {
	for _, option := range options {
		if id := c.Get(option); id != "" && !command.IsResourceID(id) {
			return command.Usage("--%s is not a valid Azure resource ID.", option)
		}
	}
	return nil
}

// beginCreate sends the cluster; a service principal that was just made may not be
// known everywhere yet.
func beginCreate(ctx context.Context, c *command.Call, client *azure.Client, path string, body *value.Object) (*azure.Operation, error) {
	for attempt := 1; ; attempt++ {
		operation, err := client.Begin(ctx, http.MethodPut, path, clusterVersion, body)
		if err == nil || attempt == 30 || !strings.Contains(err.Error(), "not found in Active Directory tenant") {
			return operation, err
		}
		if err := c.Sleep(ctx, 3*time.Second); err != nil {
			return nil, err
		}
	}
}

// newCluster is the document that az sends.
func newCluster(c *command.Call, client *azure.Client, where string, ids identities) (*value.Object, error) {
	properties := value.NewObject("kubernetesVersion", c.Get("kubernetes-version"))
	if sub := c.Get("fqdn-subdomain"); sub != "" {
		properties.Set("fqdnSubdomain", sub)
	} else {
		properties.Set("dnsPrefix", dnsPrefix(c, client.Subscription))
	}
	pool, err := firstPool(c)
	if err != nil {
		return nil, err
	}
	properties.Set("agentPoolProfiles", []any{pool})
	linux, err := linuxProfile(c)
	if err != nil {
		return nil, err
	}
	if linux != nil {
		properties.Set("linuxProfile", linux)
	}
	addons, err := newAddons(c)
	if err != nil {
		return nil, err
	}
	properties.Set("addonProfiles", addons)
	if group := c.Get("node-resource-group"); group != "" {
		properties.Set("nodeResourceGroup", group)
	}
	properties.Set("enableRBAC", !c.On("disable-rbac")).Set("networkProfile", networkProfile(c))
	properties.Set("disableLocalAccounts", c.On("disable-local-accounts")).Set("storageProfile", value.NewObject())
	body := value.NewObject("location", where)
	if name := c.Get("service-principal"); name != "" {
		properties.Set("servicePrincipalProfile", value.NewObject("clientId", name, "secret", c.Get("client-secret")))
	} else {
		body.Set("identity", ids.controlPlane())
	}
	if ids.kubelet != nil {
		properties.Set("identityProfile", value.NewObject("kubeletidentity", ids.kubelet.full()))
	}
	if c.On("enable-private-cluster") {
		access := value.NewObject("enablePrivateCluster", true)
		if zone := c.Get("private-dns-zone"); zone != "" {
			access.Set("privateDNSZone", zone)
		}
		if c.On("disable-public-fqdn") {
			access.Set("enablePrivateClusterPublicFQDN", false)
		}
		properties.Set("apiServerAccessProfile", access)
	}
	setProfiles(c, properties)
	setPodIdentity(c, properties)
	if c.On("uptime-sla") {
		body.Set("sku", value.NewObject("name", "Basic", "tier", "Paid"))
	}
	return withTags(c, body.Set("properties", properties)), nil
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9-]`)

// dnsPrefix is az's name for a cluster's API server: of cluster, group and subscription.
func dnsPrefix(c *command.Call, subscription string) string {
	if given := c.Get("dns-name-prefix"); given != "" {
		return given
	}
	name := notInName.ReplaceAllString(c.Get("name"), "")
	name = name[:min(10, len(name))]
	if name == "" || !strings.ContainsAny(name[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		name = ("a" + name)[:min(10, len(name)+1)]
	}
	group := notInName.ReplaceAllString(c.Get("resource-group"), "")
	return name + "-" + group[:min(16, len(group))] + "-" + subscription[:min(6, len(subscription))]
}

// setProfiles sets what create and update set alike.
func setProfiles(c *command.Call, properties *value.Object) {
	if c.On("enable-oidc-issuer") {
		properties.Set("oidcIssuerProfile", value.NewObject("enabled", true))
	}
	if c.On("enable-workload-identity") {
		properties.Ensure("securityProfile").Set("workloadIdentity", value.NewObject("enabled", true))
	}
	if c.On("enable-aad") {
		aad := properties.Ensure("aadProfile").Set("managed", true)
		if c.On("enable-azure-rbac") {
			aad.Set("enableAzureRBAC", true)
		}
		if tenant := c.Get("aad-tenant-id"); tenant != "" {
			aad.Set("tenantID", tenant)
		}
	}
	if groups := c.Get("aad-admin-group-object-ids"); groups != "" {
		properties.Ensure("aadProfile").Set("adminGroupObjectIDs", value.Strings(strings.Split(groups, ",")))
	}
	if channel := c.Get("auto-upgrade-channel"); channel != "" {
		properties.Ensure("autoUpgradeProfile").Set("upgradeChannel", channel)
	}
	if c.Given("api-server-authorized-ip-ranges") {
		ranges := []string{}
		if text := c.Get("api-server-authorized-ip-ranges"); text != "" {
			ranges = strings.Split(text, ",")
		}
		properties.Ensure("apiServerAccessProfile").Set("authorizedIPRanges", value.Strings(ranges))
	}
}

func networkProfile(c *command.Call) *value.Object {
	plugin := c.Get("network-plugin")
	if plugin == "" {
		plugin = "kubenet"
	}
	profile := value.NewObject("networkPlugin", plugin)
	defaults := [][3]string{{"podCidr", "pod-cidr", "10.244.0.0/16"}, {"serviceCidr", "service-cidr", "10.0.0.0/16"}, {"dnsServiceIP", "dns-service-ip", "10.0.0.10"}, {"dockerBridgeCidr", "docker-bridge-address", "172.17.0.1/16"}}
	for _, d := range defaults {
		v := c.Get(d[1])
		// az fills defaults for kubenet alone; the service does for the others.
		if v == "" && c.Get("network-plugin") == "" {
			v = d[2]
		}
		if v != "" {
			profile.Set(d[0], v)
		}
	}
	if policy := c.Get("network-policy"); policy != "" {
		profile.Set("networkPolicy", policy)
	}
	outbound, sku := c.Get("outbound-type"), c.Get("load-balancer-sku")
	if outbound == "" {
		outbound = "loadBalancer"
	}
	if sku == "" {
		sku = "standard"
	}
	return profile.Set("outboundType", outbound).Set("loadBalancerSku", sku)
}
