package kubelogin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

const execGroup = "client.authentication.k8s.io/"

// credentialAnswer is an ExecCredential, in each of its versions.
type credentialAnswer struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Status     struct {
		Expires time.Time `json:"expirationTimestamp"`
		Token   string    `json:"token"`
	} `json:"status"`
}

// answer prints the token in the version that kubectl asks for.
func answer(out io.Writer, asked string, token azcore.AccessToken) error {
	a := credentialAnswer{APIVersion: execGroup + "v1beta1", Kind: "ExecCredential"}
	if asked != "" {
		var info struct {
			APIVersion string `json:"apiVersion"`
		}
		if err := json.Unmarshal([]byte(asked), &info); err != nil {
			return fmt.Errorf("reading KUBERNETES_EXEC_INFO: %w", err)
		}
		if version := strings.TrimPrefix(info.APIVersion, execGroup); version != "v1" && version != "v1beta1" {
			return fmt.Errorf("kubectl asks for credentials of version %q; v1 and v1beta1 are known", info.APIVersion)
		}
		a.APIVersion = info.APIVersion
	}
	a.Status.Expires, a.Status.Token = token.ExpiresOn.UTC(), token.Token
	return json.NewEncoder(out).Encode(a)
}
