package main

import (
	"regexp"
	"strings"
)

// Names of clients, as the page shows them.
const (
	azClient        = "az"
	terraformClient = "Terraform"
	sdkClient       = "SDK for Go"
	msalClient      = "MSAL"
	kubectlClient   = "kubectl"
	lanyardClient   = "lanyard"
	otherClient     = "other"
)

// signs tell a client by a part of what it calls itself. The first that fits counts: az and Terraform name the libraries
// that they use as well.
func signs() []struct{ part, client string } {
	return []struct{ part, client string }{
		{"azurecli", azClient},
		{"azure-cli", azClient},
		{"terraform", terraformClient},
		{"hashicorp", terraformClient},
		{"kubectl/", kubectlClient},
		{"lanyard/", lanyardClient},
		{"msal.", msalClient},
		{"azsdk-go-", sdkClient},
	}
}

// clientOf tells which client a request came from.
func clientOf(userAgent string) string {
	lower := strings.ToLower(userAgent)
	for _, sign := range signs() {
		if strings.Contains(lower, sign.part) {
			return sign.client
		}
	}
	return otherClient
}

// versions find a client's version in what it calls itself.
func versions() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		azClient:        regexp.MustCompile(`(?i)(?:azurecli|azure-cli)/([\w.]+)`),
		terraformClient: regexp.MustCompile(`(?i)(terraform-provider-azurerm/v?[\w.]+)`),
		msalClient:      regexp.MustCompile(`(?i)(msal\.\w+/v?[\w.]+)`),
		sdkClient:       regexp.MustCompile(`azsdk-go-([\w.]+/v[\w.]+)`),
		kubectlClient:   regexp.MustCompile(`kubectl/(v[\w.]+)`),
	}
}

func versionOf(client, userAgent string) string {
	pattern, known := versions()[client]
	if !known {
		return ""
	}
	if found := pattern.FindStringSubmatch(userAgent); found != nil {
		return found[1]
	}
	return ""
}
