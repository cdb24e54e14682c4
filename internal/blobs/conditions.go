package blobs

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// met checks the request's conditions against what is there; the zero blob is
// nothing. A request that is let through writes only over what was checked.
func met(h http.Header, b blob) error {
	there := b.revision > 0
	failed := fail(http.StatusPreconditionFailed, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
	if match := h.Get("If-Match"); match != "" && (!there || !matches(match, b.etag())) {
		return failed
	}
	since := b.Modified.Truncate(time.Second)
	if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && there && since.After(t) {
		return failed
	}
	if match := h.Get("If-None-Match"); match != "" && there && matches(match, b.etag()) {
		if h.Get("x-ms-blob-type") != "" || match == "*" {
			return fail(http.StatusConflict, "BlobAlreadyExists", "The specified blob already exists.")
		}
		return fail(http.StatusNotModified, "ConditionNotMet", failed.message)
	}
	if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && there && !since.After(t) {
		return fail(http.StatusNotModified, "ConditionNotMet", failed.message)
	}
	return nil
}

func matches(wanted, etag string) bool {
	for one := range strings.SplitSeq(wanted, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.Trim(one, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}

// rangeOf reads which part of a blob is wanted. A range that begins behind the end
// is an error, save for one that asks for an empty blob from its beginning.
func rangeOf(h http.Header, size int64) (begin, length int64, part bool, err error) {
	text := h.Get("x-ms-range")
	if text == "" {
		text = h.Get("Range")
	}
	if text == "" {
		return 0, size, false, nil
	}
	from, to, ok := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
	begin, beginErr := strconv.ParseInt(from, 10, 64)
	end := size - 1
	if to != "" {
		var endErr error
		if end, endErr = strconv.ParseInt(to, 10, 64); endErr != nil {
			ok = false
		}
	}
	if !ok || beginErr != nil || begin < 0 || to != "" && end < begin || !strings.HasPrefix(text, "bytes=") {
		return 0, 0, false, invalidHeader("Range", text)
	}
	if begin >= size {
		return 0, 0, false, fail(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The range specified is invalid for the current size of the resource.")
	}
	end = min(end, size-1)
	return begin, end - begin + 1, true, nil
}
