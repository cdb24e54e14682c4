package imagepull

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// apiVersion is that of the kubelet's credential provider API, which is spoken as
// it stands in k8s.io/kubelet/pkg/apis/credentialprovider/v1.
const apiVersion = "credentialprovider.kubelet.k8s.io/v1"

// CacheFor is how long the kubelet may use credentials again: long enough for the
// pods of a rollout, and so short that a node whose identity changed soon speaks
// as the new one. What the identity may do is decided at each pull in any case.
const CacheFor = 10 * time.Second

type request struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Image      string `json:"image"`
}

type response struct {
	APIVersion    string                `json:"apiVersion"`
	Kind          string                `json:"kind"`
	CacheKeyType  string                `json:"cacheKeyType"`
	CacheDuration string                `json:"cacheDuration"`
	Auth          map[string]authConfig `json:"auth"`
}

// authConfig is on its way to the kubelet, which needs the password.
type authConfig struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Answer answers one request of the kubelet.
func Answer(ctx context.Context, in io.Reader, out io.Writer, node Node) error {
	var asked request
	if err := json.NewDecoder(io.LimitReader(in, maxAnswer)).Decode(&asked); err != nil {
		return fmt.Errorf("reading the kubelet's request: %w", err)
	}
	if asked.APIVersion != apiVersion || asked.Kind != "CredentialProviderRequest" {
		return fmt.Errorf("the kubelet asks with %s %s, and this program knows CredentialProviderRequest of %s alone", asked.APIVersion, asked.Kind, apiVersion)
	}
	server, err := loginServer(asked.Image)
	if err != nil {
		return err
	}
	user, password, err := node.Credentials(ctx, server)
	if err != nil {
		return fmt.Errorf("getting credentials for %s: %w", server, err)
	}
	return json.NewEncoder(out).Encode(response{
		APIVersion: apiVersion, Kind: "CredentialProviderResponse", CacheKeyType: "Registry", CacheDuration: CacheFor.String(),
		Auth: map[string]authConfig{server: {Username: user, Password: password.Reveal()}},
	})
}

// loginServer is the image's registry. The node's token is sent there, so it has to
// be a plain name.
func loginServer(image string) (string, error) {
	server, _, ok := strings.Cut(image, "/")
	plain := func(r rune) bool {
		return r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if !ok || !strings.Contains(server, ".") || strings.ContainsFunc(server, func(r rune) bool { return !plain(r) }) {
		return "", fmt.Errorf("image %q names no registry", image)
	}
	return strings.ToLower(server), nil
}
