package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/lanyard-project/lanyard/internal/imagepull"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	layerSize  = 256 << 20
	pullsMany  = 100
	smallLayer = 8 << 20
	benchHost  = "benchregistry.azurecr.io"
)

// registry measures pulls from a container registry of a lanyardd of its own. A
// pull is what a node does: token exchange apart, the layer goes to a file, which
// is synced, its digest checked on the way. It is compared with copying the very
// file that the registry reads, synced as well.
func (b *bench) registry(ctx context.Context) (rows []row, err error) {
	if err := b.cloud.Down(ctx); err != nil {
		return nil, fmt.Errorf("taking down what an earlier run left: %w", err)
	}
	fmt.Fprintln(b.progress, "measuring pulls from a container registry")
	if err := b.cloud.Start(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if down := b.cloud.Down(context.WithoutCancel(ctx)); err == nil {
			err = down
		}
	}()
	options, err := b.registryOptions(ctx)
	if err != nil {
		return nil, err
	}
	repository, err := name.NewRepository(benchHost + "/layer")
	if err != nil {
		return nil, err
	}
	times, err := b.onePull(ctx, repository, options)
	if err != nil {
		return nil, err
	}
	pull, copied := times.pull, times.copied
	rows = append(rows, newRow(registryPull, ratio, layerSize/pull.Seconds(), layerSize/copied.Seconds(), "bytes per second of pulling a layer of 256 MiB; of copying its file, both synced"),
		newRow(registryFile, ratio, layerSize/pull.Seconds(), layerSize/times.file.Seconds(), "bytes per second of pulling a layer of 256 MiB; of getting its file from a plain TLS server, its digest checked, both synced"))
	many, err := b.manyPulls(ctx, repository, options)
	if err != nil {
		return rows, err
	}
	return append(rows, newRow(registryMany, ratio, pullsMany*smallLayer/many.Seconds(), layerSize/copied.Seconds(), "bytes per second of 100 pulls of 8 MiB at a time, read and checked, not kept; of copying a file, synced")), nil
}

// registryOptions make the registry and sign in to it.
func (b *bench) registryOptions(ctx context.Context) ([]remote.Option, error) {
	admin, err := b.cloud.Administrator()
	if err != nil {
		return nil, err
	}
	credential, arm, err := b.cloud.SDK(admin.TenantID, admin.ClientID, admin.ClientSecret)
	if err != nil {
		return nil, err
	}
	groups, errGroups := armresources.NewResourceGroupsClient(admin.SubscriptionID, credential, arm)
	all, errAll := armresources.NewClient(admin.SubscriptionID, credential, arm)
	if err := errors.Join(errGroups, errAll); err != nil {
		return nil, err
	}
	if _, err := groups.CreateOrUpdate(ctx, "bench", armresources.ResourceGroup{Location: to.Ptr("eastus")}, nil); err != nil {
		return nil, err
	}
	id := "/subscriptions/" + admin.SubscriptionID + "/resourceGroups/bench/providers/Microsoft.ContainerRegistry/registries/benchregistry"
	poller, err := all.BeginCreateOrUpdateByID(ctx, id, "2023-07-01", armresources.GenericResource{Location: to.Ptr("eastus"), SKU: &armresources.SKU{Name: to.Ptr("Basic")}, Properties: map[string]any{}}, nil)
	if err != nil {
		return nil, err
	}
	if _, err := poller.PollUntilDone(ctx, nil); err != nil {
		return nil, err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}})
	if err != nil {
		return nil, err
	}
	client, err := b.cloud.ByName()
	if err != nil {
		return nil, err
	}
	password, err := imagepull.Exchange(ctx, client, benchHost, admin.TenantID, secret.New(token.Token))
	if err != nil {
		return nil, err
	}
	who := &authn.Basic{Username: imagepull.TokenUser, Password: password.Reveal()}
	return []remote.Option{remote.WithAuth(who), remote.WithTransport(client.Transport), remote.WithContext(ctx)}, nil
}

// pullTimes are how long one layer takes to be in a file, on the disk.
type pullTimes struct{ pull, copied, file time.Duration }

// onePull returns the shortest times of three runs each, one after the other.
func (b *bench) onePull(ctx context.Context, repository name.Repository, options []remote.Option) (times pullTimes, err error) {
	layer, err := random.Layer(layerSize, types.OCIUncompressedLayer)
	if err != nil {
		return times, err
	}
	if err := remote.WriteLayer(repository, layer, options...); err != nil {
		return times, err
	}
	digest, err := layer.Digest()
	if err != nil {
		return times, err
	}
	stored, err := filepath.Glob(filepath.Join(b.cloud.DataDir(), "registries", "benchregistry-*", "docker", "registry", "v2", "blobs", "sha256", "*", digest.Hex, "data"))
	if err != nil || len(stored) != 1 {
		return times, fmt.Errorf("the layer lies in %d files, not 1 (%w)", len(stored), err)
	}
	plainly, stop, err := b.plainServer(ctx, stored[0], digest.Hex)
	if err != nil {
		return times, err
	}
	defer stop()
	to := filepath.Join(b.cloud.Dir, "copy")
	defer os.Remove(to)
	open := func() (io.ReadCloser, error) { return os.Open(stored[0]) }
	remotely := func() (io.ReadCloser, error) {
		there, err := remote.Layer(repository.Digest(digest.String()), options...)
		if err != nil {
			return nil, err
		}
		return there.Compressed()
	}
	for range 3 {
		for _, one := range []struct {
			from func() (io.ReadCloser, error)
			best *time.Duration
		}{{open, &times.copied}, {remotely, &times.pull}, {plainly, &times.file}} {
			took, err := keep(one.from, to)
			if err != nil {
				return times, err
			}
			if *one.best == 0 || took < *one.best {
				*one.best = took
			}
		}
	}
	return times, nil
}

// plainServer offers a file by TLS and nothing else. What is got from it is checked as a
// layer is.
func (b *bench) plainServer(ctx context.Context, file, digest string) (get func() (io.ReadCloser, error), stop func(), err error) {
	dir, err := os.MkdirTemp(b.cloud.Dir, "plain")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Symlink(file, filepath.Join(dir, filePath)); err != nil {
		return nil, nil, err
	}
	address, _, trust, end, err := startNoop(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	return func() (io.ReadCloser, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+filePath, http.NoBody)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request) //nolint:bodyclose // checked is closed by who reads it
		if err != nil {
			return nil, err
		}
		return &checked{ReadCloser: response.Body, sum: sha256.New(), want: digest}, nil
	}, func() { client.CloseIdleConnections(); end(); _ = os.RemoveAll(dir) }, nil
}

// checked fails at its end if what was read has another digest.
type checked struct {
	io.ReadCloser
	sum  hash.Hash
	want string
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(c.sum.Sum(nil)); got != c.want {
			return n, fmt.Errorf("the digest is %s, not %s", got, c.want)
		}
	}
	return n, err
}

// keep times how long content takes to be in a file, on the disk.
func keep(from func() (io.ReadCloser, error), path string) (took time.Duration, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	started := time.Now()
	content, err := from()
	if err != nil {
		return 0, err
	}
	defer content.Close()
	if _, err := io.Copy(file, content); err != nil {
		return 0, err
	}
	err = file.Sync()
	return time.Since(started), err
}

// manyPulls is how long a hundred pulls of one layer take at a time.
func (b *bench) manyPulls(ctx context.Context, repository name.Repository, options []remote.Option) (time.Duration, error) {
	layer, err := random.Layer(smallLayer, types.OCIUncompressedLayer)
	if err != nil {
		return 0, err
	}
	if err := remote.WriteLayer(repository, layer, options...); err != nil {
		return 0, err
	}
	digest, err := layer.Digest()
	if err != nil {
		return 0, err
	}
	started := time.Now()
	group, _ := errgroup.WithContext(ctx)
	for range pullsMany {
		group.Go(func() error {
			there, err := remote.Layer(repository.Digest(digest.String()), options...)
			if err != nil {
				return err
			}
			content, err := there.Compressed()
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, content)
			return errors.Join(err, content.Close())
		})
	}
	err = group.Wait()
	return time.Since(started), err
}
