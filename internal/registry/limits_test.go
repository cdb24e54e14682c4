package registry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The library looks for parameters in forms before it asks who sends them. What
// nobody in particular sends as the file of a form isn't kept on the disk.
func TestFormsOfStrangersAreNotKept(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	r := newRig(t)
	r.registry("")
	const head = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"
	reader, writer := io.Pipe()
	seen := make(chan int64, 1)
	go func() {
		_, _ = io.WriteString(writer, head)
		chunk := []byte(strings.Repeat("x", 1<<20))
		for range 64 {
			if _, err := writer.Write(chunk); err != nil {
				break
			}
		}
		var kept int64
		files, _ := filepath.Glob(filepath.Join(temporary, "multipart-*"))
		for _, file := range files {
			if info, err := os.Stat(file); err == nil {
				kept += info.Size()
			}
		}
		seen <- kept
		_ = writer.Close()
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+loginServer+"/v2/app/blobs/uploads/", reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	response, err := r.client.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	_ = reader.Close()
	if kept := <-seen; kept > 0 {
		t.Errorf("%d bytes of a stranger's form were kept on the disk", kept)
	}
	if err == nil && response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger got %s", response.Status)
	}
}

// limits records how a request's limits of time are moved.
type limits struct {
	http.ResponseWriter
	moved *int
}

func (l limits) SetReadDeadline(time.Time) error  { *l.moved++; return nil }
func (l limits) SetWriteDeadline(time.Time) error { *l.moved++; return nil }

// Who may do nothing gets no more time than anybody.
func TestStrangersHaveNoMoreTime(t *testing.T) {
	r := newRig(t)
	r.registry("")
	ask := func(bearer string) (moved int) {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+loginServer+"/v2/", nil)
		request.Header.Set("Authorization", "Bearer "+bearer)
		r.service.ServeHTTP(limits{httptest.NewRecorder(), &moved}, request)
		return moved
	}
	if got := ask("made-up"); got != 0 {
		t.Errorf("a stranger's limits of time were moved %d times", got)
	}
	_, refresh := r.exchange(r.principal(acrPull))
	_, out := r.post("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "service": {loginServer}, "refresh_token": {refresh}})
	access, _ := out["access_token"].(string)
	if got := ask(access); got != 2 {
		t.Errorf("limits were moved %d times for who may pull: %v", got, out)
	}
}
