package edge

import (
	"net/url"
	"testing"
)

// TestEncodedScope holds that a scope with encoded slashes is opened for locks
// alone, and that what comes out is the path that other clients send.
func TestEncodedScope(t *testing.T) {
	const locks = "/providers/Microsoft.Authorization/locks"
	for sent, want := range map[string]string{
		"/%2Fsubscriptions%2FS" + locks + "/keep":                                "/subscriptions/S" + locks + "/keep",
		"/subscriptions%2fS%2fresourceGroups%2fg" + locks:                        "/subscriptions/S/resourceGroups/g" + locks,
		"/subscriptions%2FS/providers/microsoft.authorization/LOCKS/k":           "/subscriptions/S/providers/microsoft.authorization/LOCKS/k",
		"/subscriptions%2FS%2F..%2FT" + locks:                                    "/subscriptions/S/../T" + locks, // refused as it is when sent so
		"/subscriptions%2FS%2FresourceGroups%2Fg":                                "",
		"/subscriptions/S%2FresourceGroups%2Fg" + locks:                          "",
		"/subscriptions%2FS" + locks + "/a%2Fb":                                  "",
		"/subscriptions%2FS" + locks + "/a/b":                                    "",
		"/subscriptions%2FS" + locks + "/":                                       "",
		"/subscriptions%2FS%2520x" + locks:                                       "",
		"/subscriptions%2FS%252Fx" + locks:                                       "",
		"/subscriptions%2FS%00" + locks:                                          "",
		"/subscriptions%2FS%5Cx" + locks:                                         "",
		"/subscriptions%2FS%2F%2e%2e" + locks:                                    "",
		"/debug%2Funhandled" + locks:                                             "",
		"/%2F%2Fsubscriptions%2FS" + locks:                                       "",
		"/subscriptions%2FS/providers/Microsoft.Authorization/roleAssignments/x": "",
	} {
		u, err := url.Parse("https://cloud.test" + sent)
		if err != nil {
			t.Fatal(err)
		}
		encodedScope(u)
		switch {
		case want == "" && !encodesSlash(u):
			t.Errorf("%s was opened: %s", sent, u.Path)
		case want != "" && (u.Path != want || u.RawPath != ""):
			t.Errorf("%s became %s (%s), want %s", sent, u.Path, u.RawPath, want)
		}
	}
}

// FuzzEncodedScope holds that what is opened is what a client could have sent
// without encoding anything.
func FuzzEncodedScope(f *testing.F) {
	for _, path := range []string{"/%2Fsubscriptions%2FS/providers/Microsoft.Authorization/locks/k", "/subscriptions%2fS/providers/Microsoft.Authorization/locks", "/a%2Fb", "/%252F"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse("https://cloud.test" + path)
		if err != nil || !encodesSlash(u) {
			return
		}
		encodedScope(u)
		if u.RawPath == "" && u.EscapedPath() != u.Path {
			if again, err := url.PathUnescape(u.Path); err != nil || again != u.Path {
				t.Fatalf("%q became %q, which is encoded still", path, u.Path)
			}
		}
	})
}
