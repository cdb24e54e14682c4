package disks

import (
	"errors"
	"testing"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What an attachment says of a failure is no reason to try again: the queue's pauses are.
func TestAFailureIsNoNews(t *testing.T) {
	was := func() *storagev1.VolumeAttachment {
		return &storagev1.VolumeAttachment{
			ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "1", Finalizers: []string{finalizer}},
			Status:     storagev1.VolumeAttachmentStatus{AttachError: volumeError(errors.New("refused"))},
		}
	}
	for name, test := range map[string]struct {
		change func(*storagev1.VolumeAttachment)
		want   bool
	}{
		"another error":         {func(a *storagev1.VolumeAttachment) { a.Status.AttachError = volumeError(errors.New("refused again")) }, true},
		"the same later":        {func(a *storagev1.VolumeAttachment) { a.Status.AttachError.Time = metav1.NewTime(time.Unix(1, 0)) }, true},
		"an error when it goes": {func(a *storagev1.VolumeAttachment) { a.Status.DetachError = volumeError(errors.New("refused")) }, true},
		"it is to go":           {func(a *storagev1.VolumeAttachment) { a.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, false},
		"it is attached":        {func(a *storagev1.VolumeAttachment) { a.Status.Attached, a.Status.AttachError = true, nil }, false},
		"its finalizer is gone": {func(a *storagev1.VolumeAttachment) { a.Finalizers = nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := was()
			now.ResourceVersion = "2"
			test.change(now)
			if got := onlyFailed(was(), now); got != test.want {
				t.Errorf("only a failure: %t, want %t", got, test.want)
			}
		})
	}
	if onlyFailed(was(), was()) {
		t.Error("an attachment that is listed again is passed over")
	}
}
