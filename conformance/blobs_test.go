package conformance

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/google/uuid"
)

// storageAccount makes an account and returns its ID and name.
func storageAccount(t *testing.T, in string) (id, name string) {
	t.Helper()
	name = "acct" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	return resourceOf(t, "/subscriptions/"+cloud.Subscription+"/resourceGroups/"+in+"/providers/Microsoft.Storage/storageAccounts/"+name, "2023-01-01",
		armresources.GenericResource{Location: ptr(location), Kind: ptr("StorageV2"), SKU: &armresources.SKU{Name: ptr("Standard_LRS")}}), name
}

func blobClient(t *testing.T, account string, credential azcore.TokenCredential) *azblob.Client {
	t.Helper()
	return must[*azblob.Client](t, "making a client")(azblob.NewClient("https://"+account+".blob.core.windows.net/", credential, &azblob.ClientOptions{
		ClientOptions: policy.ClientOptions{Transport: tunnel(t), Retry: policy.RetryOptions{MaxRetries: -1}},
	}))
}

func TestBlobs(t *testing.T) {
	ctx, in := t.Context(), group(t)
	account, name := storageAccount(t, in)
	principal, credential := servicePrincipal(t)
	grant(t, blobContributor, account, principal)
	client := blobClient(t, name, credential)

	must[azblob.CreateContainerResponse](t, "making a container")(client.CreateContainer(ctx, "inbox", nil))
	_, err := client.CreateContainer(ctx, "inbox", nil)
	refused(t, err, 409, "ContainerAlreadyExists")
	_, err = client.CreateContainer(ctx, "No", nil)
	refused(t, err, 400, "InvalidResourceName")

	// Small ones go in one request, large ones in blocks.
	large := make([]byte, 9<<20)
	if _, err := rand.Read(large); err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{"a.txt": []byte("hello"), "folder/b & c.txt": []byte("b"), "folder/deep/d": {}, "größe/ü%20": []byte("x"), "large": large}
	for path, content := range contents {
		must[azblob.UploadStreamResponse](t, "uploading "+path)(client.UploadStream(ctx, "inbox", path, bytes.NewReader(content), &azblob.UploadStreamOptions{
			BlockSize: 2 << 20, Concurrency: 3, Metadata: map[string]*string{"origin": ptr("test")}, HTTPHeaders: &blob.HTTPHeaders{BlobContentType: ptr("text/x-test")},
		}))
	}
	for path, content := range contents {
		got := must[azblob.DownloadStreamResponse](t, "downloading "+path)(client.DownloadStream(ctx, "inbox", path, nil))
		body := must[[]byte](t, "reading")(io.ReadAll(got.Body))
		if !bytes.Equal(body, content) || *got.ContentType != "text/x-test" || len(got.Metadata) != 1 || got.ETag == nil || *got.ContentLength != int64(len(content)) {
			t.Errorf("%s: %d bytes, %v %v", path, len(body), *got.ContentType, got.Metadata)
		}
	}
	part := must[azblob.DownloadStreamResponse](t, "downloading a part")(client.DownloadStream(ctx, "inbox", "large", &azblob.DownloadStreamOptions{Range: azblob.HTTPRange{Offset: 5 << 20, Count: 100}}))
	if body := must[[]byte](t, "reading")(io.ReadAll(part.Body)); !bytes.Equal(body, large[5<<20:5<<20+100]) {
		t.Error("a part isn't what it should be")
	}

	listed := func(options *azblob.ListBlobsFlatOptions) (names []string) {
		for _, page := range all(t, "listing", client.NewListBlobsFlatPager("inbox", options)) {
			for _, b := range page.Segment.BlobItems {
				names = append(names, *b.Name)
			}
		}
		return names
	}
	if got, want := listed(nil), []string{"a.txt", "folder/b & c.txt", "folder/deep/d", "größe/ü%20", "large"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if got := listed(&azblob.ListBlobsFlatOptions{MaxResults: ptr(int32(2)), Prefix: ptr("folder/")}); len(got) != 2 {
		t.Errorf("in pages: %q", got)
	}
	var folders, files []string
	for _, page := range all(t, "listing a folder", client.ServiceClient().NewContainerClient("inbox").NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{MaxResults: ptr(int32(1))})) {
		for _, p := range page.Segment.BlobPrefixes {
			folders = append(folders, *p.Name)
		}
		for _, b := range page.Segment.BlobItems {
			files = append(files, *b.Name)
		}
	}
	if !slices.Equal(folders, []string{"folder/", "größe/"}) || !slices.Equal(files, []string{"a.txt", "large"}) {
		t.Errorf("as folders: %q, %q", folders, files)
	}

	// Writes that want to know what they overwrite.
	one := client.ServiceClient().NewContainerClient("inbox").NewBlockBlobClient("a.txt")
	before := must[blob.GetPropertiesResponse](t, "reading properties")(one.GetProperties(ctx, nil))
	stale := &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: before.ETag}}
	upload := func(conditions *blob.AccessConditions) error {
		_, err := one.Upload(ctx, nopCloser{strings.NewReader("second")}, &blockblob.UploadOptions{AccessConditions: conditions})
		return err
	}
	if err := upload(stale); err != nil {
		t.Errorf("overwriting what was read: %v", err)
	}
	refused(t, upload(stale), 412, "ConditionNotMet")
	refused(t, upload(&blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: ptr(azcore.ETagAny)}}), 409, "BlobAlreadyExists")
	must[blob.SetMetadataResponse](t, "setting metadata")(one.SetMetadata(ctx, map[string]*string{"a": ptr("1")}, nil))

	must[azblob.DeleteBlobResponse](t, "deleting")(client.DeleteBlob(ctx, "inbox", "a.txt", nil))
	_, err = client.DeleteBlob(ctx, "inbox", "a.txt", nil)
	refused(t, err, 404, "BlobNotFound")
	_, err = client.DownloadStream(ctx, "none", "a.txt", nil)
	refused(t, err, 404, "ContainerNotFound")
	must[azblob.DeleteContainerResponse](t, "deleting the container")(client.DeleteContainer(ctx, "inbox", nil))
	must[azblob.CreateContainerResponse](t, "making it anew")(client.CreateContainer(ctx, "inbox", nil))
	if got := listed(nil); len(got) != 0 {
		t.Errorf("a container made anew has %q", got)
	}
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

// TestBlobRoles is seed 001's example: who may read the files of an account can't write them, at whatever scope the role
// is, and what is revoked is refused by the very next request.
func TestBlobRoles(t *testing.T) {
	ctx, in := t.Context(), group(t)
	account, name := storageAccount(t, in)
	ownerID, owner := servicePrincipal(t)
	grant(t, blobContributor, account, ownerID)
	for _, box := range []string{"inbox", "outbox"} {
		must[azblob.CreateContainerResponse](t, "making a container")(blobClient(t, name, owner).CreateContainer(ctx, box, nil))
		must[azblob.UploadBufferResponse](t, "uploading")(blobClient(t, name, owner).UploadBuffer(ctx, box, "file", []byte("content"), nil))
	}
	principal, credential := servicePrincipal(t)
	client := blobClient(t, name, credential)
	read := func(box string) error { _, err := client.DownloadStream(ctx, box, "file", nil); return err }
	write := func(box string) error { _, err := client.UploadBuffer(ctx, box, "file", []byte("x"), nil); return err }
	list := func(box string) error { _, err := client.NewListBlobsFlatPager(box, nil).NextPage(ctx); return err }
	remove := func(box string) error { _, err := client.DeleteBlob(ctx, box, "none", nil); return err }
	const mismatch = "AuthorizationPermissionMismatch"

	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in
	for _, c := range []struct {
		role, scope  string
		reads, other bool // of inbox, and of outbox
		writes       bool
	}{
		{blobReader, account + "/blobServices/default/containers/inbox", true, false, false},
		{blobReader, account, true, true, false},
		{blobReader, scope, true, true, false},
		{blobContributor, account, true, true, true},
		{contributor, scope, false, false, false}, // of the account, but not of its data
	} {
		for range 2 { // granted, revoked, granted again
			revoke := grant(t, c.role, c.scope, principal)
			for what, try := range map[string]struct {
				err  error
				want bool
			}{
				"reading": {read("inbox"), c.reads}, "listing": {list("inbox"), c.reads}, "reading another container": {read("outbox"), c.other}, "writing": {write("inbox"), c.writes},
			} {
				if try.want && try.err != nil {
					t.Errorf("%s with %s at %s: %v", what, c.role, c.scope, try.err)
				} else if !try.want {
					refused(t, try.err, 403, mismatch)
				}
			}
			if !c.writes {
				refused(t, remove("inbox"), 403, mismatch)
			}
			revoke()
			refused(t, read("inbox"), 403, mismatch)
			refused(t, write("inbox"), 403, mismatch)
		}
	}
	// Who proves nothing, or with a token for something else.
	for what, c := range map[string]struct{ authorization, code string }{
		"nothing":        {"", "NoAuthenticationInformation"},
		"a token of ARM": {"Bearer " + tokenFor(t, credential, armScope), "InvalidAuthenticationInfo"},
		"rubbish":        {"Bearer x.y.z", "InvalidAuthenticationInfo"},
		"a shared key":   {"SharedKey " + name + ":AAAA", "AuthenticationFailed"},
	} {
		request := must[*http.Request](t, "making a request")(http.NewRequestWithContext(ctx, http.MethodGet, "https://"+name+".blob.core.windows.net/inbox/file", nil))
		request.Header.Set("x-ms-version", "2023-11-03")
		if c.authorization != "" {
			request.Header.Set("Authorization", c.authorization)
		}
		answer := must[*http.Response](t, what)(tunnel(t).Do(request))
		body := must[[]byte](t, "reading")(io.ReadAll(answer.Body))
		answer.Body.Close()
		if answer.Header.Get("x-ms-error-code") != c.code || !bytes.Contains(body, []byte("<Code>"+c.code+"</Code>")) {
			t.Errorf("with %s: %d %s", what, answer.StatusCode, body)
		}
	}
}
