package edge

import (
	"encoding/json"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// metadata serves /metadata/endpoints, from which clients learn where the parts
// of a cloud are. Its shape depends on the api-version:
//
//	2015-01-01   an object; az cloud register --endpoint-resource-manager reads it
//	2018-01-01   an object; azurerm looks into it for locations
//	2019-05-01   an array of clouds; az reads it by ARM_CLOUD_METADATA_URL
//	2022-09-01   one cloud; azurerm and go-azure-sdk
//
// They can't agree about the login endpoint: az needs the authority to end in
// /adfs, which keeps it from asking login.microsoftonline.com about us.
type metadata struct {
	origins *origins
	tenant  string
}

// cloudName must not be AzureCloud: az would go to login.microsoftonline.com.
const cloudName = "Lanyard"

type cloudAuthentication struct {
	LoginEndpoint    string   `json:"loginEndpoint"`
	Audiences        []string `json:"audiences"`
	Tenant           string   `json:"tenant,omitempty"`
	IdentityProvider string   `json:"identityProvider,omitempty"`
}

// legacyCloud is the document of 2015-01-01 and 2018-01-01.
type legacyCloud struct {
	GalleryEndpoint string                   `json:"galleryEndpoint"`
	GraphEndpoint   string                   `json:"graphEndpoint"`
	PortalEndpoint  string                   `json:"portalEndpoint"`
	GraphAudience   string                   `json:"graphAudience"`
	Authentication  cloudAuthentication      `json:"authentication"`
	CloudEndpoint   map[string]cloudEndpoint `json:"cloudEndpoint,omitempty"`
}

type cloudEndpoint struct {
	Endpoint  string   `json:"endpoint"`
	Locations []string `json:"locations"`
}

// cloud is the document of 2019-05-01 and later.
type cloud struct {
	Name                     string              `json:"name"`
	Portal                   string              `json:"portal"`
	Authentication           cloudAuthentication `json:"authentication"`
	Media                    string              `json:"media"`
	GraphAudience            string              `json:"graphAudience"`
	Graph                    string              `json:"graph"`
	ResourceManager          string              `json:"resourceManager"`
	MicrosoftGraphResourceID string              `json:"microsoftGraphResourceId"`
	Gallery                  string              `json:"gallery"`
	Batch                    string              `json:"batch"`
	SQLManagement            string              `json:"sqlManagement"`
	VMImageAliasDoc          string              `json:"vmImageAliasDoc"`
	ActiveDirectoryDataLake  string              `json:"activeDirectoryDataLake"`
	Suffixes                 map[string]string   `json:"suffixes"`
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		m.write(w, http.StatusMethodNotAllowed, rest.MethodNotAllowed(r.Method))
		return
	}
	origin := m.origins.of(r)
	switch version := r.URL.Query().Get("api-version"); version {
	case "":
		m.write(w, http.StatusBadRequest, rest.MissingAPIVersion())
	case "2015-01-01":
		m.write(w, http.StatusOK, m.legacy(origin))
	case "2018-01-01":
		document := m.legacy(origin)
		document.CloudEndpoint = map[string]cloudEndpoint{"public": {Endpoint: origin + "/", Locations: []string{}}}
		m.write(w, http.StatusOK, document)
	case "2019-05-01", "2020-06-01":
		document := m.cloud(origin, origin+"/adfs")
		m.write(w, http.StatusOK, []cloud{document})
	case "2022-09-01", "2023-11-01", "2023-12-01":
		m.write(w, http.StatusOK, m.cloud(origin, origin+"/"))
	default:
		m.write(w, http.StatusBadRequest, rest.InvalidAPIVersion(version,
			[]string{"2023-12-01", "2023-11-01", "2022-09-01", "2020-06-01", "2019-05-01", "2018-01-01", "2015-01-01"}))
	}
}

func (m *metadata) write(w http.ResponseWriter, status int, document any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

func audiences(origin string) []string {
	return []string{"https://management.core.windows.net/", "https://management.azure.com/", origin + "/"}
}

func (m *metadata) legacy(origin string) legacyCloud {
	return legacyCloud{
		GalleryEndpoint: origin + "/", GraphEndpoint: origin + "/", PortalEndpoint: origin + "/", GraphAudience: origin + "/",
		Authentication: cloudAuthentication{LoginEndpoint: origin + "/adfs", Audiences: audiences(origin)},
	}
}

func (m *metadata) cloud(origin, login string) cloud {
	base := origin + "/"
	return cloud{
		Name: cloudName, Portal: base, Media: base, Graph: base, GraphAudience: base, Gallery: base, Batch: base, SQLManagement: base,
		ActiveDirectoryDataLake: base, VMImageAliasDoc: base, ResourceManager: base, MicrosoftGraphResourceID: base,
		Authentication: cloudAuthentication{LoginEndpoint: login, Audiences: audiences(origin), Tenant: "common", IdentityProvider: "AAD"},
		// Data planes keep Azure's names: clients build host names from them that we don't serve.
		Suffixes: map[string]string{
			"storage": "core.windows.net", "keyVaultDns": "vault.azure.net", "acrLoginServer": "azurecr.io",
			"mhsmDns": "managedhsm.azure.net", "sqlServerHostname": "database.windows.net",
		},
	}
}
