package providers

import "strings"

// The clouds beside the public one, as Azure calls them.
const (
	Government = "Azure Government"
	China      = "Microsoft Azure operated by 21Vianet"
)

// SovereignRegions are the regions of the other clouds. They aren't listed among the locations of a subscription, but
// resources can say that they are there, so that what isn't offered there can be tried.
func SovereignRegions() []Region {
	return []Region{
		{"usgovarizona", "USGov Arizona", "US Government", "usgovtexas"},
		{"usgovtexas", "USGov Texas", "US Government", "usgovarizona"},
		{"usgovvirginia", "USGov Virginia", "US Government", "usgovtexas"},
		{"usdodcentral", "USDoD Central", "US Government", "usdodeast"},
		{"usdodeast", "USDoD East", "US Government", "usdodcentral"},
		{"chinaeast", "China East", "China", "chinanorth"},
		{"chinaeast2", "China East 2", "China", "chinanorth2"},
		{"chinaeast3", "China East 3", "China", "chinanorth3"},
		{"chinanorth", "China North", "China", "chinaeast"},
		{"chinanorth2", "China North 2", "China", "chinaeast2"},
		{"chinanorth3", "China North 3", "China", "chinaeast3"},
	}
}

// SovereignCloud is the cloud that a region of that normal name belongs to, "" for the public one.
func SovereignCloud(region string) string {
	for _, r := range SovereignRegions() {
		switch {
		case r.Name != region:
		case strings.HasPrefix(region, "china"):
			return China
		default:
			return Government
		}
	}
	return ""
}
