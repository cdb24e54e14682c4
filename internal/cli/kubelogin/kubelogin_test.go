package kubelogin_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/kubelogin"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const (
	server = "6dae42f8-4368-4678-94ff-3960e28e3630"
	people = "80faf920-1908-4b52-b5ef-a8e7bedfc67a"
	tenant = "7a0b0c0d-0000-4000-8000-000000000002"
)

// entra answers as a token service does that lets everybody in, and notes what was asked.
type entra struct {
	*httptest.Server
	asked []url.Values
}

func newEntra(t *testing.T) *entra {
	e := &entra{}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base := e.URL + "/" + tenant
		switch {
		case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
			fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"device_authorization_endpoint":%q}`, base+"/v2.0", base+"/oauth2/v2.0/authorize", base+"/oauth2/v2.0/token", base+"/oauth2/v2.0/devicecode")
		case strings.Contains(r.URL.Path, "/UserRealm/"):
			fmt.Fprint(w, `{"account_type":"Managed","cloud_instance_name":"x","cloud_audience_urn":"urn","domain_name":"example.com"}`)
		case strings.HasSuffix(r.URL.Path, "/devicecode"):
			fmt.Fprint(w, `{"user_code":"CODE","device_code":"device","verification_uri":"https://x","expires_in":900,"interval":1,"message":"open the page and enter CODE"}`)
		default:
			_ = r.ParseForm()
			e.asked = append(e.asked, r.Form)
			claims := base64.RawURLEncoding.EncodeToString([]byte(`{"preferred_username":"alice@example.com","oid":"o","tid":"` + tenant + `","sub":"s","aud":"a","iss":"i"}`))
			info := base64.RawURLEncoding.EncodeToString([]byte(`{"uid":"u","utid":"t"}`))
			fmt.Fprintf(w, `{"token_type":"Bearer","access_token":"token %d","expires_in":3600,"refresh_token":"refresh","id_token":"e30.%s.x","client_info":%q,"scope":"%s/.default"}`, len(e.asked), claims, info, server)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// run runs kubelogin in a home of its own, which knows the token service as its cloud.
func (e *entra) run(t *testing.T, home string, env map[string]string, line ...string) (stdout, stderr string, status int) {
	t.Helper()
	folder := login.Folder{Path: filepath.Join(home, "lanyard")}
	ca := filepath.Join(home, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := folder.SaveCloud(&login.Cloud{Name: "here", CertificateAuthority: ca, Endpoints: value.NewObject("activeDirectory", e.URL), Suffixes: value.NewObject()}); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"HOME": home, "LANYARD_CLOUD": "here"}
	for name, v := range env {
		all[name] = v
	}
	var out, complaint bytes.Buffer
	program := &command.Program{
		Name: "kubelogin", Table: kubelogin.Table(""), In: strings.NewReader(""), Out: &out, Err: &complaint, Folder: folder,
		Getenv: func(name string) string { return all[name] },
	}
	status = program.Run(t.Context(), line)
	return out.String(), complaint.String(), status
}

func token(t *testing.T, answer string) (version, text string) {
	t.Helper()
	var got struct {
		APIVersion, Kind string
		Status           struct {
			Token   string
			Expires time.Time `json:"expirationTimestamp"`
		}
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	if got.Kind != "ExecCredential" || time.Until(got.Status.Expires) < 30*time.Minute {
		t.Errorf("the answer is %s", answer)
	}
	return got.APIVersion, got.Status.Token
}

func TestGetToken(t *testing.T) {
	federated := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(federated, []byte("of a pod"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		env  map[string]string
		line []string
		want map[string]string // of the request
	}{
		{"a service principal by arguments", nil, []string{"--login", "spn", "--client-id", "app", "--client-secret", "hush"},
			map[string]string{"grant_type": "client_credentials", "client_id": "app", "client_secret": "hush", "scope": server + "/.default openid offline_access profile"}},
		{"a service principal by variables", map[string]string{"AAD_LOGIN_METHOD": "spn", "AZURE_CLIENT_ID": "app", "AZURE_CLIENT_SECRET": "hush"}, []string{"--client-id", people},
			map[string]string{"grant_type": "client_credentials", "client_id": "app", "client_secret": "hush"}},
		{"a user with a password", map[string]string{"AAD_USER_PRINCIPAL_NAME": "alice@example.com", "AAD_USER_PRINCIPAL_PASSWORD": "hush"}, []string{"--login", "ropc", "--client-id", people},
			map[string]string{"grant_type": "password", "username": "alice@example.com", "client_id": people}},
		{"a user at another machine", nil, []string{"--login", "devicecode", "--client-id", people},
			map[string]string{"grant_type": "device_code", "device_code": "device", "client_id": people}},
		{"a workload", map[string]string{"AZURE_FEDERATED_TOKEN_FILE": federated, "AZURE_CLIENT_ID": "app"}, []string{"--login", "workloadidentity"},
			map[string]string{"grant_type": "client_credentials", "client_id": "app", "client_assertion": "of a pod"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEntra(t)
			line := append([]string{"get-token", "--server-id", server, "--tenant-id", tenant, "--authority-host", e.URL + "/"}, tt.line...)
			out, said, status := e.run(t, t.TempDir(), tt.env, line...)
			if status != 0 {
				t.Fatalf("status %d: %s", status, said)
			}
			if version, text := token(t, out); version != "client.authentication.k8s.io/v1beta1" || text != "token 1" {
				t.Errorf("got %s %s", version, text)
			}
			for name, want := range tt.want {
				if got := e.asked[0].Get(name); got != want {
					t.Errorf("%s was %q, want %q", name, got, want)
				}
			}
			if tt.want["grant_type"] == "device_code" && !strings.Contains(said, "enter CODE") {
				t.Errorf("the user reads %q", said)
			}
		})
	}
}

func TestPeopleStaySignedIn(t *testing.T) {
	e, home := newEntra(t), t.TempDir()
	line := []string{"get-token", "--server-id", server, "--client-id", people, "--tenant-id", tenant, "--authority-host", e.URL + "/", "--login", "devicecode"}
	first, _, _ := e.run(t, home, nil, line...)
	second, said, status := e.run(t, home, map[string]string{"KUBERNETES_EXEC_INFO": `{"apiVersion":"client.authentication.k8s.io/v1"}`}, line...)
	if status != 0 || strings.Contains(said, "CODE") {
		t.Fatalf("he is asked again: %d %s", status, said)
	}
	_, one := token(t, first)
	version, two := token(t, second)
	if one != two || version != "client.authentication.k8s.io/v1" {
		t.Errorf("got %q, then %q in %s", one, two, version)
	}
	files, err := filepath.Glob(filepath.Join(home, ".kube", "cache", "kubelogin", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the sign-in is readable by others: %v %v", info.Mode(), err)
	}
}

func TestMistakesAreExplained(t *testing.T) {
	e := newEntra(t)
	for name, tt := range map[string]struct {
		line []string
		env  map[string]string
		says string
	}{
		"no server":                {line: []string{"--authority-host", e.URL}, says: "--server-id is required"},
		"no credential":            {line: []string{"--server-id", server, "--login", "spn", "--client-id", "a", "--tenant-id", tenant, "--authority-host", e.URL}, says: "--login spn needs --client-secret"},
		"an unknown way":           {line: []string{"--server-id", server}, env: map[string]string{"AAD_LOGIN_METHOD": "sms"}, says: "'sms' is no way to sign in"},
		"no token of a workload":   {line: []string{"--server-id", server, "--login", "workloadidentity", "--authority-host", e.URL}, says: "$AZURE_FEDERATED_TOKEN_FILE"},
		"an authority without TLS": {line: []string{"--server-id", server, "--authority-host", "http://x/"}, says: "is not https://host[:port]/"},
		"another API":              {line: []string{"--server-id", server, "--login", "spn", "--client-id", "a", "--client-secret", "b", "--tenant-id", tenant, "--authority-host", e.URL}, env: map[string]string{"KUBERNETES_EXEC_INFO": `{"apiVersion":"client.authentication.k8s.io/v2"}`}, says: "v1 and v1beta1 are known"},
	} {
		t.Run(name, func(t *testing.T) {
			_, said, status := e.run(t, t.TempDir(), tt.env, append([]string{"get-token"}, tt.line...)...)
			if status == 0 || !strings.Contains(said, tt.says) {
				t.Errorf("status %d: %s", status, said)
			}
		})
	}
}

func TestConvertKubeconfig(t *testing.T) {
	const before = `apiVersion: v1
kind: Config
contexts:
- {name: entra, context: {cluster: c, user: entra}}
- {name: old, context: {cluster: c, user: old}}
users:
- name: entra
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubelogin
      args: [get-token, --environment, AzurePublicCloud, --server-id, S, --client-id, C, --tenant-id, T, --login, devicecode, --authority-host, "https://h/", --disable-instance-discovery]
- {name: admin, user: {client-key-data: a2V5}}
- {name: old, user: {auth-provider: {name: azure, config: {apiserver-id: S, client-id: C, tenant-id: T, environment: AzureChinaCloud}}}}
`
	for _, tt := range []struct {
		name string
		line []string
		want []string
	}{
		{"all, to a service principal", []string{"--login", "spn"}, []string{
			"get-token --login spn --server-id S --authority-host https://h/ --tenant-id T --environment AzurePublicCloud --disable-instance-discovery",
			"get-token --login spn --server-id S --tenant-id T --environment AzureChinaCloud"}},
		{"all, to the password of a user", []string{"--login", "ropc", "--username", "alice"}, []string{
			"get-token --login ropc --server-id S --client-id C --username alice --authority-host https://h/ --tenant-id T --environment AzurePublicCloud --disable-instance-discovery",
			"get-token --login ropc --server-id S --client-id C --username alice --tenant-id T --environment AzureChinaCloud"}},
		{"one context", []string{"--login", "azurecli", "--context", "old"}, []string{
			"get-token --environment AzurePublicCloud --server-id S --client-id C --tenant-id T --login devicecode --authority-host https://h/ --disable-instance-discovery",
			"get-token --login azurecli --server-id S --tenant-id T --environment AzureChinaCloud"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			file := filepath.Join(home, "config")
			if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, said, status := newEntra(t).run(t, home, map[string]string{"KUBECONFIG": file}, append([]string{"convert-kubeconfig"}, tt.line...)...); status != 0 {
				t.Fatal(said)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(t, data)); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			if !bytes.Contains(data, []byte("client-key-data: a2V5")) || bytes.Contains(data, []byte("name: azure\n")) {
				t.Errorf("the file is\n%s", data)
			}
		})
	}
}

// lines are the arguments of the users who run something.
func lines(t *testing.T, kubeconfig []byte) []string {
	t.Helper()
	var config struct {
		Users []struct {
			User struct {
				Exec *struct{ Args []string }
			}
		}
	}
	if err := yaml.Unmarshal(kubeconfig, &config); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, u := range config.Users {
		if u.User.Exec != nil {
			all = append(all, strings.Join(u.User.Exec.Args, " "))
		}
	}
	return all
}
