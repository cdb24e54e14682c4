package providers

import "strings"

// Region is a location in which resources can be.
type Region struct {
	Name        string // "eastus"
	DisplayName string // "East US"
	Geography   string
	Paired      string // name of the paired region, or ""
}

// Regions are Azure's public regions. Nothing of ours depends on where they are:
// a location is a label that clients send and read.
func Regions() []Region {
	return []Region{
		{"australiacentral", "Australia Central", "Australia", "australiacentral2"},
		{"australiacentral2", "Australia Central 2", "Australia", "australiacentral"},
		{"australiaeast", "Australia East", "Australia", "australiasoutheast"},
		{"australiasoutheast", "Australia Southeast", "Australia", "australiaeast"},
		{"brazilsouth", "Brazil South", "Brazil", "southcentralus"},
		{"canadacentral", "Canada Central", "Canada", "canadaeast"},
		{"canadaeast", "Canada East", "Canada", "canadacentral"},
		{"centralindia", "Central India", "India", "southindia"},
		{"centralus", "Central US", "United States", "eastus2"},
		{"eastasia", "East Asia", "Asia Pacific", "southeastasia"},
		{"eastus", "East US", "United States", "westus"},
		{"eastus2", "East US 2", "United States", "centralus"},
		{"francecentral", "France Central", "France", "francesouth"},
		{"francesouth", "France South", "France", "francecentral"},
		{"germanynorth", "Germany North", "Germany", "germanywestcentral"},
		{"germanywestcentral", "Germany West Central", "Germany", "germanynorth"},
		{"israelcentral", "Israel Central", "Israel", ""},
		{"italynorth", "Italy North", "Italy", ""},
		{"japaneast", "Japan East", "Japan", "japanwest"},
		{"japanwest", "Japan West", "Japan", "japaneast"},
		{"koreacentral", "Korea Central", "Korea", "koreasouth"},
		{"koreasouth", "Korea South", "Korea", "koreacentral"},
		{"mexicocentral", "Mexico Central", "Mexico", ""},
		{"newzealandnorth", "New Zealand North", "New Zealand", ""},
		{"northcentralus", "North Central US", "United States", "southcentralus"},
		{"northeurope", "North Europe", "Europe", "westeurope"},
		{"norwayeast", "Norway East", "Norway", "norwaywest"},
		{"norwaywest", "Norway West", "Norway", "norwayeast"},
		{"polandcentral", "Poland Central", "Poland", ""},
		{"qatarcentral", "Qatar Central", "Qatar", ""},
		{"southafricanorth", "South Africa North", "South Africa", "southafricawest"},
		{"southafricawest", "South Africa West", "South Africa", "southafricanorth"},
		{"southcentralus", "South Central US", "United States", "northcentralus"},
		{"southeastasia", "Southeast Asia", "Asia Pacific", "eastasia"},
		{"southindia", "South India", "India", "centralindia"},
		{"spaincentral", "Spain Central", "Spain", ""},
		{"swedencentral", "Sweden Central", "Sweden", "swedensouth"},
		{"switzerlandnorth", "Switzerland North", "Switzerland", "switzerlandwest"},
		{"switzerlandwest", "Switzerland West", "Switzerland", "switzerlandnorth"},
		{"uaecentral", "UAE Central", "UAE", "uaenorth"},
		{"uaenorth", "UAE North", "UAE", "uaecentral"},
		{"uksouth", "UK South", "United Kingdom", "ukwest"},
		{"ukwest", "UK West", "United Kingdom", "uksouth"},
		{"westcentralus", "West Central US", "United States", "westus2"},
		{"westeurope", "West Europe", "Europe", "northeurope"},
		{"westindia", "West India", "India", "southindia"},
		{"westus", "West US", "United States", "eastus"},
		{"westus2", "West US 2", "United States", "westcentralus"},
		{"westus3", "West US 3", "United States", "eastus"},
	}
}

// RegionNames lists the names of all regions.
func RegionNames() []string {
	regions := Regions()
	names := make([]string, len(regions))
	for i, r := range regions {
		names[i] = r.Name
	}
	return names
}

// NormalRegion writes a location as Azure stores it: "East US" is "eastus".
func NormalRegion(location string) string {
	return strings.ToLower(strings.ReplaceAll(location, " ", ""))
}

// IsRegion reports whether there is a region of that normal name.
func IsRegion(name string) bool {
	for _, r := range Regions() {
		if r.Name == name {
			return true
		}
	}
	return name == "global" || SovereignCloud(name) != ""
}
