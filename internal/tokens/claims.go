package tokens

// Version is the format of a token. The resource decides it, not the endpoint.
type Version string

// The versions of access tokens.
const (
	V1 Version = "1.0"
	V2 Version = "2.0"
)

// How a client proved who it is (appidacr, azpacr).
const (
	ProvenBySecret    = "1"
	ProvenByAssertion = "2" // a certificate, a federated token, a managed identity
)

// What a token stands for (idtyp).
const (
	applicationType = "app"
	userType        = "user"
)

// claimsV1 are in the order in which Entra writes them.
type claimsV1 struct {
	Audience    string   `json:"aud"`
	Issuer      string   `json:"iss"`
	IssuedAt    int64    `json:"iat"`
	NotBefore   int64    `json:"nbf"`
	Expires     int64    `json:"exp"`
	Aio         string   `json:"aio"`
	AppID       string   `json:"appid"`
	AppIDACR    string   `json:"appidacr"`
	IDP         string   `json:"idp"`
	IDType      string   `json:"idtyp"`
	ObjectID    string   `json:"oid"`
	RH          string   `json:"rh"`
	Roles       []string `json:"roles,omitempty"`
	Subject     string   `json:"sub"`
	TenantID    string   `json:"tid"`
	UTI         string   `json:"uti"`
	Version     Version  `json:"ver"`
	HostID      string   `json:"xms_az_rid,omitempty"`
	ManagedByID string   `json:"xms_mirid,omitempty"`
	userClaims
}

type claimsV2 struct {
	Aio         string   `json:"aio"`
	Audience    string   `json:"aud"`
	AZP         string   `json:"azp"`
	AZPACR      string   `json:"azpacr"`
	Expires     int64    `json:"exp"`
	IssuedAt    int64    `json:"iat"`
	Issuer      string   `json:"iss"`
	NotBefore   int64    `json:"nbf"`
	ObjectID    string   `json:"oid"`
	RH          string   `json:"rh"`
	Roles       []string `json:"roles,omitempty"`
	Subject     string   `json:"sub"`
	TenantID    string   `json:"tid"`
	UTI         string   `json:"uti"`
	Version     Version  `json:"ver"`
	HostID      string   `json:"xms_az_rid,omitempty"`
	ManagedByID string   `json:"xms_mirid,omitempty"`
	userClaims
}

// claims is what a verifier reads of either version.
type claims struct {
	Audience  string   `json:"aud"`
	Issuer    string   `json:"iss"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	AppID     string   `json:"appid"`
	AZP       string   `json:"azp"`
	AppIDACR  string   `json:"appidacr"`
	AZPACR    string   `json:"azpacr"`
	ObjectID  string   `json:"oid"`
	Subject   string   `json:"sub"`
	TenantID  string   `json:"tid"`
	UTI       string   `json:"uti"`
	Version   Version  `json:"ver"`
	Roles     []string `json:"roles"`
	HostID    string   `json:"xms_az_rid"`
	MIID      string   `json:"xms_mirid"`
	UPN       string   `json:"upn"`
	Preferred string   `json:"preferred_username"`
	Scope     string   `json:"scp"`
}

// IssuerOf is the iss claim of a tenant's tokens below the origin.
func IssuerOf(origin, tenantID string, v Version) string {
	if v == V2 {
		return origin + "/" + tenantID + "/v2.0"
	}
	return origin + "/" + tenantID + "/"
}
