package disks

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// messageLimit is how many bytes the API server takes of a VolumeError's message.
// It refuses a longer one with all of the status: nobody would ever see an error.
const messageLimit = 1024

// volumeError is what an attachment says of a failure.
func volumeError(err error) *storagev1.VolumeError {
	message := told(err)
	if len(message) > messageLimit {
		const more = "..."
		end := messageLimit - len(more)
		for !utf8.RuneStart(message[end]) {
			end--
		}
		message = message[:end] + more
	}
	return &storagev1.VolumeError{Time: metav1.Now(), Message: message}
}

// told is an error for who reads events: of an answer of ARM its code and message,
// without the request and the headings that the SDK writes around them.
func told(err error) string {
	var response *azcore.ResponseError
	if !errors.As(err, &response) || response.RawResponse == nil {
		return err.Error()
	}
	body, failed := runtime.Payload(response.RawResponse)
	var document struct {
		Error struct{ Code, Message string }
	}
	if failed != nil || json.Unmarshal(body, &document) != nil || document.Error.Message == "" {
		return err.Error()
	}
	// What was wrapped around the answer says what was being done.
	around, _, _ := strings.Cut(err.Error(), response.Error())
	return around + document.Error.Code + ": " + document.Error.Message
}
