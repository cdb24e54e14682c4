package conformance

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/google/uuid"
)

const aDigest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

// dataOperations are the requests of the data planes: those that read, and those that write.
func dataOperations(account, namespace, registry string) (reads, writes []string) {
	blob, bus, images := "https://"+account+".blob.core.windows.net", "https://"+namespace+".servicebus.windows.net", "https://"+registry+".azurecr.io"
	for _, one := range []string{
		"GET /?comp=list", "GET /kept?restype=container", "HEAD /kept?restype=container", "GET /kept?restype=container&comp=list", "GET /kept?restype=container&comp=metadata",
		"GET /kept/a", "HEAD /kept/a", "GET /kept/a?comp=metadata", "GET /kept/a?comp=blocklist",
	} {
		reads = append(reads, strings.Replace(one, " /", " "+blob+"/", 1))
	}
	for _, one := range []string{
		"PUT /made?restype=container", "DELETE /kept?restype=container", "PUT /kept/b", "PUT /kept/a?comp=block&blockid=QQ==",
		"PUT /kept/a?comp=blocklist", "PUT /kept/a?comp=metadata", "PUT /kept/a?comp=properties", "DELETE /kept/a",
	} {
		writes = append(writes, strings.Replace(one, " /", " "+blob+"/", 1))
	}
	for _, one := range []string{
		"POST /in/messages", "POST /in/messages/head", "DELETE /in/messages/head", "DELETE /in/$DeadLetterQueue/messages/head", "PUT /in/messages/1/" + uuid.NewString(),
		"POST /in/messages/1/" + uuid.NewString(), "DELETE /in/messages/1/" + uuid.NewString(),
	} {
		writes = append(writes, strings.Replace(one, " /", " "+bus+"/", 1))
	}
	for _, one := range []string{
		"GET /v2/", "GET /v2/_catalog", "GET /v2/app/tags/list", "GET /v2/app/manifests/latest", "HEAD /v2/app/manifests/latest", "GET /v2/app/blobs/" + aDigest, "HEAD /v2/app/blobs/" + aDigest,
	} {
		reads = append(reads, strings.Replace(one, " /", " "+images+"/", 1))
	}
	for _, one := range []string{
		"PUT /v2/app/manifests/latest", "DELETE /v2/app/manifests/" + aDigest, "DELETE /v2/app/blobs/" + aDigest, "POST /v2/app/blobs/uploads/",
		"PATCH /v2/app/blobs/uploads/" + uuid.NewString(), "PUT /v2/app/blobs/uploads/" + uuid.NewString() + "?digest=" + aDigest, "DELETE /v2/app/blobs/uploads/" + uuid.NewString(),
	} {
		writes = append(writes, strings.Replace(one, " /", " "+images+"/", 1))
	}
	return reads, writes
}

// TestDataPlanesNeedAGoodTokenAndADecision asks for everything of a storage account, a Service Bus namespace and a registry
// with tokens that prove nothing, with one of somebody without any role, and for every write as a reader. What was there
// stays, and nothing comes.
func TestDataPlanesNeedAGoodTokenAndADecision(t *testing.T) {
	ctx, in := t.Context(), group(t)
	at := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in + "/providers/"
	account, accountName := storageAccount(t, in)
	unique := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	namespace := resourceOf(t, at+"Microsoft.ServiceBus/namespaces/bus"+unique, "2021-11-01", armresources.GenericResource{Location: ptr(location)})
	resourceOf(t, namespace+"/queues/in", "2021-11-01", armresources.GenericResource{})
	registry := resourceOf(t, at+"Microsoft.ContainerRegistry/registries/reg"+unique, "2023-07-01", armresources.GenericResource{Location: ptr(location), SKU: &armresources.SKU{Name: ptr("Basic")}})
	owner, owning := servicePrincipal(t)
	grant(t, blobContributor, account, owner)
	must[azblob.CreateContainerResponse](t, "making a container")(blobClient(t, accountName, owning).CreateContainer(ctx, "kept", nil))
	must[azblob.UploadBufferResponse](t, "uploading")(blobClient(t, accountName, owning).UploadBuffer(ctx, "kept", "a", []byte("x"), nil))

	_, nobody := servicePrincipal(t)
	somebody, reading := servicePrincipal(t)
	grant(t, blobReader, account, somebody)
	grant(t, acrPull, registry, somebody)
	const storage, bus, containers = "https://storage.azure.com/.default", "https://servicebus.azure.net/.default", "https://containerregistry.azure.net/.default"
	audience := func(target string) string {
		switch {
		case strings.Contains(target, ".servicebus."):
			return bus
		case strings.Contains(target, ".azurecr."):
			return containers
		}
		return storage
	}
	client := tunnel(t)
	call := func(operation, bearer string) int {
		t.Helper()
		method, target, _ := strings.Cut(operation, " ")
		request := must[*http.Request](t, "making a request")(http.NewRequestWithContext(ctx, method, target, strings.NewReader("x")))
		if method == http.MethodGet || method == http.MethodHead {
			request.Body = http.NoBody
		}
		request.Header.Set("x-ms-version", "2023-11-03")
		request.Header.Set("x-ms-blob-type", "BlockBlob")
		if bearer != "" {
			request.Header.Set("Authorization", "Bearer "+bearer)
		}
		response := must[*http.Response](t, "asking")(client.Do(request))
		_ = response.Body.Close()
		return response.StatusCode
	}
	reads, writes := dataOperations(accountName, "bus"+unique, "reg"+unique)
	refuses := func(who, operation, bearer string) {
		t.Helper()
		if status := call(operation, bearer); status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("%s as %s: HTTP %d", operation, who, status)
		}
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	for _, operation := range append(reads, writes...) {
		good := tokenFor(t, owning, audience(operation))
		parts := strings.Split(good, ".")
		for who, bearer := range map[string]string{
			"no JWT": "x", "alg none": none + "." + parts[1] + ".", "alg none with a signature": none + "." + parts[1] + "." + parts[2],
			"forged": parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), "a token for ARM": tokenFor(t, owning, armScope),
			"somebody without a role": tokenFor(t, nobody, audience(operation)),
		} {
			refuses(who, operation, bearer)
		}
		if status := call(operation, ""); status < 400 {
			t.Errorf("%s without a token: HTTP %d", operation, status)
		}
	}
	for _, operation := range writes {
		refuses("a reader", operation, tokenFor(t, reading, audience(operation)))
	}
	// All is as it was.
	left := blobClient(t, accountName, owning)
	if n, err := left.DownloadBuffer(ctx, "kept", "a", make([]byte, 4), nil); err != nil || n != 1 {
		t.Errorf("the blob has %d bytes, %v", n, err)
	}
	found := 0
	for _, page := range all(t, "listing containers", left.NewListContainersPager(nil)) {
		found += len(page.ContainerItems)
	}
	if found != 1 {
		t.Errorf("%d containers", found)
	}
	t.Logf("%d reads, %d writes", len(reads), len(writes))
}
