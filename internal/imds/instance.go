package imds

// Instance is the document at /metadata/instance. Every primitive is a string; what doesn't apply is empty.
type Instance struct {
	Compute Compute `json:"compute"`
	Network Network `json:"network"`
}

// Compute describes the machine.
type Compute struct {
	AzEnvironment              string          `json:"azEnvironment"`
	AdditionalCapabilities     Capabilities    `json:"additionalCapabilities"`
	CustomData                 string          `json:"customData"`
	EvictionPolicy             string          `json:"evictionPolicy"`
	ExtendedLocation           ExtendedPlace   `json:"extendedLocation"`
	Host                       Reference       `json:"host"`
	HostGroup                  Reference       `json:"hostGroup"`
	IsHostCompatibilityLayerVM string          `json:"isHostCompatibilityLayerVm"`
	LicenseType                string          `json:"licenseType"`
	Location                   string          `json:"location"`
	Name                       string          `json:"name"`
	Offer                      string          `json:"offer"`
	OSProfile                  OSProfile       `json:"osProfile"`
	OSType                     string          `json:"osType"`
	PhysicalZone               string          `json:"physicalZone"`
	PlacementGroupID           string          `json:"placementGroupId"`
	Plan                       Plan            `json:"plan"`
	PlatformFaultDomain        string          `json:"platformFaultDomain"`
	PlatformSubFaultDomain     string          `json:"platformSubFaultDomain"`
	PlatformUpdateDomain       string          `json:"platformUpdateDomain"`
	Priority                   string          `json:"priority"`
	Provider                   string          `json:"provider"`
	PublicKeys                 []PublicKey     `json:"publicKeys"`
	Publisher                  string          `json:"publisher"`
	ResourceGroupName          string          `json:"resourceGroupName"`
	ResourceID                 string          `json:"resourceId"`
	SecurityProfile            SecurityProfile `json:"securityProfile"`
	SKU                        string          `json:"sku"`
	StorageProfile             StorageProfile  `json:"storageProfile"`
	SubscriptionID             string          `json:"subscriptionId"`
	Tags                       string          `json:"tags"` // "name:value;name:value"
	TagsList                   []Tag           `json:"tagsList"`
	UserData                   string          `json:"userData"` // base64
	Version                    string          `json:"version"`
	VirtualMachineScaleSet     Reference       `json:"virtualMachineScaleSet"`
	VMID                       string          `json:"vmId"`
	VMScaleSetName             string          `json:"vmScaleSetName"`
	VMSize                     string          `json:"vmSize"`
	Zone                       string          `json:"zone"`
}

// Reference names another resource.
type Reference struct {
	ID string `json:"id"`
}

// Capabilities are optional features of the machine.
type Capabilities struct {
	HibernationEnabled string `json:"hibernationEnabled"`
}

// ExtendedPlace is an edge zone.
type ExtendedPlace struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// OSProfile is how the machine was set up.
type OSProfile struct {
	AdminUsername                 string `json:"adminUsername"`
	ComputerName                  string `json:"computerName"`
	DisablePasswordAuthentication string `json:"disablePasswordAuthentication"`
}

// Plan is the image's purchase plan.
type Plan struct {
	Name      string `json:"name"`
	Product   string `json:"product"`
	Publisher string `json:"publisher"`
}

// PublicKey is an SSH key of the machine's administrator.
type PublicKey struct {
	KeyData string `json:"keyData"`
	Path    string `json:"path"`
}

// SecurityProfile tells of trusted launch.
type SecurityProfile struct {
	SecureBootEnabled string `json:"secureBootEnabled"`
	VirtualTPMEnabled string `json:"virtualTpmEnabled"`
}

// StorageProfile describes the disks.
type StorageProfile struct {
	DataDisks      []Disk         `json:"dataDisks"`
	ImageReference ImageReference `json:"imageReference"`
	OSDisk         Disk           `json:"osDisk"`
	ResourceDisk   ResourceDisk   `json:"resourceDisk"`
}

// Disk is one disk.
type Disk struct {
	Caching      string `json:"caching"`
	CreateOption string `json:"createOption"`
	DiskSizeGB   string `json:"diskSizeGB"`
	LUN          string `json:"lun,omitempty"`
	Name         string `json:"name"`
	OSType       string `json:"osType,omitempty"`
}

// ImageReference is the image that the machine was made from.
type ImageReference struct {
	ID        string `json:"id"`
	Offer     string `json:"offer"`
	Publisher string `json:"publisher"`
	SKU       string `json:"sku"`
	Version   string `json:"version"`
}

// ResourceDisk is the temporary disk.
type ResourceDisk struct {
	Size string `json:"size"`
}

// Tag is a tag of the machine.
type Tag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Network describes the machine's interfaces.
type Network struct {
	Interface []Interface `json:"interface"`
}

// Interface is one network interface.
type Interface struct {
	IPv4       IPv4   `json:"ipv4"`
	IPv6       IPv6   `json:"ipv6"`
	MACAddress string `json:"macAddress"` // twelve hexadecimal digits, no separators
}

// IPv4 lists an interface's addresses and the subnets they come from.
type IPv4 struct {
	IPAddress []IPAddress `json:"ipAddress"`
	Subnet    []Subnet    `json:"subnet"`
}

// IPv6 lists an interface's addresses.
type IPv6 struct {
	IPAddress []IPAddress `json:"ipAddress"`
}

// IPAddress is a private address and the public one in front of it.
type IPAddress struct {
	PrivateIPAddress string `json:"privateIpAddress"`
	PublicIPAddress  string `json:"publicIpAddress"`
}

// Subnet is an address range.
type Subnet struct {
	Address string `json:"address"`
	Prefix  string `json:"prefix"`
}
