// Command dataclient is a pod's program that uses a storage account and a Service Bus queue as seed 001's examples do:
// signed in as a managed identity, with Azure's own SDK, and set to the public cloud. Each second it says what it could do:
//
//	read=ok list=ok write=AuthorizationPermissionMismatch send=201 receive=401
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
)

// What it writes, and reads once it could write.
const (
	blob = "from-pod"
	text = "written by a pod"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: dataclient CLIENT-ID ACCOUNT CONTAINER NAMESPACE/QUEUE")
		os.Exit(2)
	}
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(os.Args[1])})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	blobs, err := azblob.NewClient("https://"+os.Args[2]+".blob.core.windows.net/", credential, &azblob.ClientOptions{ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	namespace, queue, _ := strings.Cut(os.Args[4], "/")
	for ; ; time.Sleep(time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		read := download(ctx, blobs, os.Args[3])
		_, list := blobs.NewListBlobsFlatPager(os.Args[3], nil).NextPage(ctx)
		_, write := blobs.UploadBuffer(ctx, os.Args[3], blob, []byte(text), nil)
		address := "https://" + namespace + ".servicebus.windows.net/" + queue + "/messages"
		send := call(ctx, credential, http.MethodPost, address)
		receive := call(ctx, credential, http.MethodDelete, address+"/head?timeout=0")
		fmt.Printf("read=%s list=%s write=%s send=%s receive=%s\n", code(read), code(list), code(write), send, receive)
		cancel()
	}
}

// download reads the blob, which has to hold what was written.
func download(ctx context.Context, blobs *azblob.Client, container string) error {
	response, err := blobs.DownloadStream(ctx, container, blob, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || string(got) != text {
		return fmt.Errorf("the blob holds %q: %w", got, err)
	}
	return nil
}

// code is the service's error code, or "ok".
func code(err error) string {
	var answer *azcore.ResponseError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &answer):
		return answer.ErrorCode
	default:
		return strings.ReplaceAll(err.Error(), " ", "_")
	}
}

// call is a request of Service Bus's REST API; it returns the status.
func call(ctx context.Context, credential azcore.TokenCredential, method, address string) string {
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://servicebus.azure.net/.default"}})
	if err != nil {
		return code(err)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader("hello from a pod"))
	if err != nil {
		return code(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return code(err)
	}
	response.Body.Close()
	return strconv.Itoa(response.StatusCode)
}
