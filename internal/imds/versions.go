package imds

import (
	"encoding/json"
	"net/http"
	"slices"
)

// versions are the service's known API versions, oldest first.
func versions() []string {
	return []string{
		"2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02", "2018-10-01",
		"2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01",
		"2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01", "2021-01-01", "2021-02-01", "2021-03-01",
		"2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15", "2021-12-13", "2023-07-01",
	}
}

// KnownVersion reports whether the instance category has the API version.
func KnownVersion(version string) bool { return slices.Contains(versions(), version) }

// VersionsBody is the document at /metadata/versions.
func VersionsBody() []byte {
	body, err := json.Marshal(struct {
		Versions []string `json:"apiVersions"`
	}{versions()})
	if err != nil { // strings always encode
		panic(err)
	}
	return body
}

func newest() []string {
	all := versions()
	slices.Reverse(all)
	return all[:3]
}

func versionError(what string) *Error {
	return &Error{
		Status:         http.StatusBadRequest,
		Description:    "Bad request. " + what + ". For more information refer to aka.ms/azureimds",
		NewestVersions: newest(),
	}
}

// wellFormedVersion reports whether a text looks like 2018-02-01. The identity category is the same in all of them.
func wellFormedVersion(version string) bool {
	if len(version) != len("2018-02-01") {
		return false
	}
	for i := range len(version) {
		c := version[i]
		if i == 4 || i == 7 {
			if c != '-' {
				return false
			}
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
