package local

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// ByName is a client for the cloud's own names, such as those of registries, which
// no resolver of this machine knows: it goes through the front.
func (c *Cloud) ByName() (*http.Client, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	front, err := url.Parse(c.Proxy())
	if err != nil {
		return nil, err
	}
	transport := client.Transport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(front)
	return &http.Client{Transport: transport}, nil
}

// Push pushes a packed image, "mic", to a registry, under the reference.
func (c *Cloud) Push(ctx context.Context, image, reference, user string, password secret.String) error {
	packed, err := tarball.ImageFromPath(filepath.Join(c.ImagesDir(), image+".tar"), nil)
	if err != nil {
		return fmt.Errorf("reading the image %s: %w", image, err)
	}
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("reading the image name %q: %w", reference, err)
	}
	client, err := c.ByName()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	who := &authn.Basic{Username: user, Password: password.Reveal()}
	if err := remote.Write(tag, packed, remote.WithContext(ctx), remote.WithTransport(client.Transport), remote.WithAuth(who)); err != nil {
		return fmt.Errorf("pushing %s: %w", reference, err)
	}
	return nil
}
