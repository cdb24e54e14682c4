package containerservice

import "strings"

// facts are what the defaults of a new cluster follow from.
type facts struct {
	dnsPrefix         string
	nodeResourceGroup string
	location          string
	unique            string // eight hex digits, new for each creation
	kubernetesVersion string // what the engine runs
	resourceUID       string
	managed           bool // the cluster has a managed identity
}

// complete fills in what the client left to the service, as the real one does in the answer to the create. A field is
// filled only if it is absent or says "choose for me". Fields whose appearance makes Terraform plan a change
// (upgradeSettings, linuxProfile) are left alone.
func complete(d document, f facts) {
	d.fill("dnsPrefix", f.dnsPrefix)
	prefix := d.text("fqdnSubdomain")
	if prefix == "" {
		prefix = strings.ToLower(d.text("dnsPrefix"))
	}
	d["fqdn"] = prefix + "-" + f.unique + ".hcp." + f.location + ".azmk8s.io"
	d["azurePortalFQDN"] = prefix + "-" + f.unique + ".portal.hcp." + f.location + ".azmk8s.io"
	if access := asObject(d["apiServerAccessProfile"]); access["enablePrivateCluster"] == true {
		zone := derivedGUID(f.resourceUID, "private") + ".privatelink." + f.location + ".azmk8s.io"
		if brought, ok := broughtZone(access.text("privateDNSZone")); ok {
			zone = strings.ToLower(brought.Name())
		}
		d["privateFQDN"] = prefix + "-" + f.unique + "." + zone
	}
	d.fill("nodeResourceGroup", f.nodeResourceGroup)
	// A minor version alone ("1.34") stays as it was sent; what runs is in currentKubernetesVersion.
	d.fill("kubernetesVersion", f.kubernetesVersion)
	d["currentKubernetesVersion"] = f.kubernetesVersion
	d.fill("powerState", document{"code": "Running"})
	d["maxAgentPools"] = maxAgentPools
	d.fill("enableRBAC", true)
	d.fill("disableLocalAccounts", false)
	d.fill("supportPlan", "KubernetesOfficial")
	d.fill("resourceUID", f.resourceUID)
	if f.managed {
		d.section("servicePrincipalProfile").fill("clientId", managedIdentityClient)
	}
	d.section("securityProfile")
	d.section("workloadAutoScalerProfile")
	storage := d.section("storageProfile")
	storage.section("diskCSIDriver").fill("enabled", true)
	storage.section("fileCSIDriver").fill("enabled", true)
	storage.section("snapshotController").fill("enabled", true)
	completeNetwork(d.section("networkProfile"))
	for _, p := range d.objects("agentPoolProfiles") {
		completePool(p, d.section("networkProfile").text("networkPlugin"), f.kubernetesVersion)
	}
}

const (
	maxAgentPools = 100
	// managedIdentityClient is what the service principal profile of a cluster with a managed identity says.
	managedIdentityClient = "msi"

	pluginAzure   = "azure"
	pluginKubenet = "kubenet"
	modeOverlay   = "overlay"
)

func completeNetwork(n document) {
	n.fill("networkPlugin", pluginAzure)
	if n.text("networkPlugin") == pluginKubenet || n.text("networkPluginMode") == modeOverlay {
		n.fill("podCidr", "10.244.0.0/16")
		n.fill("podCidrs", []any{n.text("podCidr")})
	}
	n.fill("serviceCidr", "10.0.0.0/16")
	n.fill("serviceCidrs", []any{n.text("serviceCidr")})
	n.fill("dnsServiceIP", "10.0.0.10")
	n.fill("outboundType", "loadBalancer")
	n.fill("loadBalancerSku", "Standard")
	n.fill("ipFamilies", []any{"IPv4"})
}

func completePool(p document, plugin, kubernetesVersion string) {
	if p["count"] == nil {
		p["count"] = 3
	}
	p.fill("vmSize", "Standard_DS2_v2")
	p.fill("osDiskSizeGB", 128)
	p.fill("osDiskType", "Managed")
	p.fill("kubeletDiskType", "OS")
	p.fill("workloadRuntime", "OCIContainer")
	if plugin == pluginKubenet {
		p.fill("maxPods", 110)
	} else {
		p.fill("maxPods", 30)
	}
	p.fill("type", "VirtualMachineScaleSets")
	p.fill("mode", "System")
	p.fill("osType", "Linux")
	p.fill("osSKU", "Ubuntu")
	p.fill("enableAutoScaling", false)
	p.fill("enableNodePublicIP", false)
	p.fill("enableEncryptionAtHost", false)
	p.fill("enableUltraSSD", false)
	p.fill("enableFIPS", false)
	p.fill("currentOrchestratorVersion", kubernetesVersion)
	p.fill("orchestratorVersion", p["currentOrchestratorVersion"])
	p.fill("powerState", document{"code": "Running"})
	p.fill("nodeImageVersion", firstImage(p.text("currentOrchestratorVersion")))
}
