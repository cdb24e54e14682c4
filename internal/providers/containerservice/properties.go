package containerservice

// properties are the parts of a managed cluster's document that the provider reads.
type properties struct {
	KubernetesVersion       string                  `json:"kubernetesVersion"`
	CurrentVersion          string                  `json:"currentKubernetesVersion"`
	DNSPrefix               string                  `json:"dnsPrefix"`
	FQDNSubdomain           string                  `json:"fqdnSubdomain"`
	FQDN                    string                  `json:"fqdn"`
	PrivateFQDN             string                  `json:"privateFQDN"`
	NodeResourceGroup       string                  `json:"nodeResourceGroup"`
	AgentPools              []pool                  `json:"agentPoolProfiles"`
	ServicePrincipalProfile *servicePrincipal       `json:"servicePrincipalProfile"`
	NetworkProfile          networkProfile          `json:"networkProfile"`
	IdentityProfile         map[string]identity     `json:"identityProfile"`
	PodIdentityProfile      *podIdentityProfile     `json:"podIdentityProfile"`
	OIDCIssuerProfile       *enabled                `json:"oidcIssuerProfile"`
	AADProfile              *aadProfile             `json:"aadProfile"`
	AddonProfiles           map[string]addonProfile `json:"addonProfiles"`
	ConnectedProfile        *connectedProfile       `json:"connectedProfile"`
	DisableLocalAccounts    bool                    `json:"disableLocalAccounts"`
	EnableRBAC              *bool                   `json:"enableRBAC"`
	APIServerAccessProfile  struct {
		EnablePrivateCluster bool     `json:"enablePrivateCluster"`
		AuthorizedIPRanges   []string `json:"authorizedIPRanges"`
		PrivateDNSZone       string   `json:"privateDNSZone"`
	} `json:"apiServerAccessProfile"`
	SecurityProfile struct {
		WorkloadIdentity *enabled `json:"workloadIdentity"`
	} `json:"securityProfile"`
}

type enabled struct {
	Enabled bool `json:"enabled"`
}

func (e *enabled) on() bool { return e != nil && e.Enabled }

type servicePrincipal struct {
	ClientID string `json:"clientId"`
}

// identity names a user-assigned identity in identityProfile.
type identity struct {
	ResourceID string `json:"resourceId"`
	ClientID   string `json:"clientId"`
	ObjectID   string `json:"objectId"`
}

type networkProfile struct {
	NetworkPlugin     string `json:"networkPlugin"`
	NetworkPluginMode string `json:"networkPluginMode"`
	NetworkPolicy     string `json:"networkPolicy"`
	PodCIDR           string `json:"podCidr"`
	ServiceCIDR       string `json:"serviceCidr"`
	DNSServiceIP      string `json:"dnsServiceIP"`
	OutboundType      string `json:"outboundType"`
}

// pool are the parts of an agent pool's profile that the provider reads.
type pool struct {
	Name                string   `json:"name"`
	Count               int      `json:"count"`
	VMSize              string   `json:"vmSize"`
	Mode                string   `json:"mode"`
	Type                string   `json:"type"`
	OSType              string   `json:"osType"`
	MaxPods             int      `json:"maxPods"`
	VNetSubnetID        string   `json:"vnetSubnetID"`
	OrchestratorVersion string   `json:"orchestratorVersion"`
	CurrentVersion      string   `json:"currentOrchestratorVersion"`
	NodeImageVersion    string   `json:"nodeImageVersion"`
	ProvisioningState   string   `json:"provisioningState"`
	EnableAutoScaling   bool     `json:"enableAutoScaling"`
	NodeTaints          []string `json:"nodeTaints"`

	UpgradeSettings struct {
		DrainTimeout int `json:"drainTimeoutInMinutes"`
	} `json:"upgradeSettings"`
	NodeLabels map[string]string `json:"nodeLabels"`
	Tags       map[string]string `json:"tags"`
}
