package main

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/lanyard-project/lanyard/internal/imagepull"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	layerSize  = 256 << 20
	pullsMany  = 100
	smallLayer = 8 << 20
	runs       = 5 // of which the shortest counts
	benchHost  = "benchregistry.azurecr.io"
)

// registry measures pulls from a container registry of a lanyardd of its own: the token
// exchange apart, a layer goes to a file, which is synced, and its digest is checked on
// the way. It is compared with copying the very file that the registry reads, synced as
// well. How fast a pull is depends on both ends: one client reads, hashes and writes side
// by side, another in turn, as containerd does.
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
	who, client, err := b.signedIn(ctx)
	if err != nil {
		return nil, err
	}
	options := []remote.Option{remote.WithAuth(who), remote.WithTransport(client.Transport), remote.WithContext(ctx)}
	repository, err := name.NewRepository(benchHost + "/layer")
	if err != nil {
		return nil, err
	}
	pulls, err := puller(ctx, repository, who, client)
	if err != nil {
		return nil, err
	}
	times, err := b.onePull(ctx, repository, options, pulls)
	if err != nil {
		return nil, err
	}
	copied := layerSize / times.copied.Seconds()
	rows = append(rows,
		newRow(registryPull, ratio, layerSize/times.pull.Seconds(), copied, "bytes per second of pulling a layer of 256 MiB, its digest checked; of copying its file; both synced"),
		newRow(registryChecked, ratio, layerSize/times.pull.Seconds(), layerSize/times.checked.Seconds(), "the same; of copying its file with its digest checked, which no pull does without, by the same client"),
		newRow(registryInTurn, ratio, layerSize/times.inTurn.Seconds(), copied, "the first with a client that reads, writes, hashes and syncs in turn, as containerd does"),
		newRow(registryFile, ratio, layerSize/times.pull.Seconds(), layerSize/times.file.Seconds(), "bytes per second of pulling a layer of 256 MiB; of getting its file from a plain TLS server; by the same client"),
		newRow(registryCPU, ratio, runs*layerSize/times.pullCPU, runs*layerSize/times.fileCPU, "the same per second of the server's processor time"))
	many, err := b.manyPulls(ctx, repository, options)
	if err != nil {
		return rows, err
	}
	return append(rows, newRow(registryMany, ratio, pullsMany*smallLayer/many.Seconds(), copied, "bytes per second of 100 pulls of 8 MiB at a time, read and checked, not kept; of copying a file, synced")), nil
}

// signedIn makes the registry and signs in to it.
func (b *bench) signedIn(ctx context.Context) (authn.Authenticator, *http.Client, error) {
	admin, err := b.cloud.Administrator()
	if err != nil {
		return nil, nil, err
	}
	credential, arm, err := b.cloud.SDK(admin.TenantID, admin.ClientID, admin.ClientSecret)
	if err != nil {
		return nil, nil, err
	}
	groups, errGroups := armresources.NewResourceGroupsClient(admin.SubscriptionID, credential, arm)
	all, errAll := armresources.NewClient(admin.SubscriptionID, credential, arm)
	if err := errors.Join(errGroups, errAll); err != nil {
		return nil, nil, err
	}
	if _, err := groups.CreateOrUpdate(ctx, "bench", armresources.ResourceGroup{Location: to.Ptr("eastus")}, nil); err != nil {
		return nil, nil, err
	}
	id := "/subscriptions/" + admin.SubscriptionID + "/resourceGroups/bench/providers/Microsoft.ContainerRegistry/registries/benchregistry"
	poller, err := all.BeginCreateOrUpdateByID(ctx, id, "2023-07-01", armresources.GenericResource{Location: to.Ptr("eastus"), SKU: &armresources.SKU{Name: to.Ptr("Basic")}, Properties: map[string]any{}}, nil)
	if err != nil {
		return nil, nil, err
	}
	if _, err := poller.PollUntilDone(ctx, nil); err != nil {
		return nil, nil, err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}})
	if err != nil {
		return nil, nil, err
	}
	client, err := b.cloud.ByName()
	if err != nil {
		return nil, nil, err
	}
	password, err := imagepull.Exchange(ctx, client, benchHost, admin.TenantID, secret.New(token.Token))
	if err != nil {
		return nil, nil, err
	}
	return &authn.Basic{Username: imagepull.TokenUser, Password: password.Reveal()}, client, nil
}

// pullTimes are how long one layer takes to be in a file, on the disk, and how much
// processor time the servers had for all of them.
type pullTimes struct {
	pull, inTurn, copied, checked, file time.Duration
	pullCPU, fileCPU                    float64
}

// onePull returns the shortest times of some runs each, one after the other.
func (b *bench) onePull(ctx context.Context, repository name.Repository, options []remote.Option, client *http.Client) (times pullTimes, err error) {
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
	fromServer, pid, stop, err := b.plainServer(ctx, stored[0])
	if err != nil {
		return times, err
	}
	defer stop()
	fromRegistry := func() (io.ReadCloser, error) {
		return get(ctx, client, "https://"+benchHost+"/v2/"+repository.RepositoryStr()+"/blobs/"+digest.String())
	}
	fromDisk := func() (io.ReadCloser, error) { return os.Open(stored[0]) }
	to := filepath.Join(b.cloud.Dir, "copy")
	defer os.Remove(to)
	lanyardd := (&measured{bench: b}).pid()
	for range runs {
		for _, one := range []struct {
			from   func() (io.ReadCloser, error)
			by     way
			best   *time.Duration
			server int
			cpu    *float64
		}{
			{fromDisk, plainly, &times.copied, 0, nil},
			{fromDisk, sideBySide, &times.checked, 0, nil},
			{fromRegistry, sideBySide, &times.pull, lanyardd, &times.pullCPU},
			{fromRegistry, inTurn, &times.inTurn, 0, nil},
			{fromServer, sideBySide, &times.file, pid, &times.fileCPU},
		} {
			before := cpuSeconds(one.server)
			took, err := keep(one.from, to, digest.Hex, one.by)
			if err != nil {
				return times, err
			}
			if one.cpu != nil {
				*one.cpu += cpuSeconds(one.server) - before
			}
			if *one.best == 0 || took < *one.best {
				*one.best = took
			}
		}
	}
	return times, nil
}

// puller is a client that has a token to pull from the repository, as a node's has.
func puller(ctx context.Context, repository name.Repository, who authn.Authenticator, client *http.Client) (*http.Client, error) {
	signed, err := transport.NewWithContext(ctx, repository.Registry, who, client.Transport, []string{repository.Scope(transport.PullScope)})
	if err != nil {
		return nil, fmt.Errorf("getting a token to pull: %w", err)
	}
	return &http.Client{Transport: signed}, nil
}

// get opens what is at an address.
func get(ctx context.Context, client *http.Client, from string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("getting %s: %s", from, response.Status), response.Body.Close())
	}
	return response.Body, nil
}

// plainServer offers a file by TLS and nothing else.
func (b *bench) plainServer(ctx context.Context, file string) (open func() (io.ReadCloser, error), pid int, stop func(), err error) {
	dir, err := os.MkdirTemp(b.cloud.Dir, "plain")
	if err != nil {
		return nil, 0, nil, err
	}
	if err := os.Symlink(file, filepath.Join(dir, filePath)); err != nil {
		return nil, 0, nil, err
	}
	address, pid, trust, end, err := startNoop(ctx, dir)
	if err != nil {
		return nil, 0, nil, err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	return func() (io.ReadCloser, error) { return get(ctx, client, "https://"+address+filePath) }, pid,
		func() { client.CloseIdleConnections(); end(); _ = os.RemoveAll(dir) }, nil
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
