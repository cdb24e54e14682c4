package conformance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
	"github.com/google/uuid"
)

func ptr[T any](v T) *T { return &v }

// must fails the test with what was tried.
func must[T any](t *testing.T, what string) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return v
	}
}

// refused expects an error of Azure's form with the status and code.
func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != status || answer.ErrorCode != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

// done waits for a long-running operation as a user's program does.
func done[T any](t *testing.T, what string) func(*runtime.Poller[T], error) T {
	return func(poller *runtime.Poller[T], err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		result, err := poller.PollUntilDone(t.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Second})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return result
	}
}

// all reads every page.
func all[T any](t *testing.T, what string, pager *runtime.Pager[T]) []T {
	t.Helper()
	var pages []T
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		pages = append(pages, page)
	}
	return pages
}

// group makes a resource group for the test, which goes with it.
func group(t *testing.T) string {
	t.Helper()
	groups := must[*armresources.ResourceGroupsClient](t, "making a client")(armresources.NewResourceGroupsClient(cloud.Subscription, cloud.credential, cloud.options))
	name := strings.ToLower(t.Name()) + "-" + uuid.NewString()[:8]
	if _, err := groups.CreateOrUpdate(t.Context(), name, armresources.ResourceGroup{Location: ptr(location)}, nil); err != nil {
		t.Fatalf("making group %s: %v", name, err)
	}
	return name
}
