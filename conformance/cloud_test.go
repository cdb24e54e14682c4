package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// cloud is the lanyardd that all tests talk to, and who is its administrator.
var cloud struct {
	Origin       string `json:"-"`
	Tenant       string `json:"tenantId"`
	Subscription string `json:"subscriptionId"`
	ClientID     string `json:"clientId"`
	Secret       string `json:"clientSecret"`

	// issuer is a token issuer outside of the cloud, which the cloud was told to ask although its address is private;
	// nil where the cloud wasn't started here.
	issuer     *issuer
	http       *http.Client
	options    *arm.ClientOptions
	credential azcore.TokenCredential
}

const location = "eastus"

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "conformance: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ca := os.Getenv("SSL_CERT_FILE")
	cloud.Origin = strings.TrimSuffix(os.Getenv("AZURE_AUTHORITY_HOST"), "/")
	if cloud.Origin != "" {
		cloud.Tenant, cloud.Subscription = os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_SUBSCRIPTION_ID")
		cloud.ClientID, cloud.Secret = os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET")
	} else {
		var end func(passed bool) error
		if ca, end, err = start(); err != nil {
			return 1, err
		}
		defer func() { err = errors.Join(err, end(code == 0)) }()
	}
	if err := signIn(ca); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// signIn makes what the SDK's clients are made with.
func signIn(ca string) error {
	client, err := clientOf(ca)
	if err != nil {
		return err
	}
	cloud.http = client
	common := policy.ClientOptions{Transport: client, Cloud: azcloud.Configuration{
		ActiveDirectoryAuthorityHost: cloud.Origin + "/",
		Services:                     map[azcloud.ServiceName]azcloud.ServiceConfiguration{azcloud.ResourceManager: {Endpoint: cloud.Origin, Audience: "https://management.azure.com"}},
	}}
	cloud.options = &arm.ClientOptions{ClientOptions: common}
	cloud.credential, err = secretCredential(cloud.ClientID, cloud.Secret)
	return err
}

func secretCredential(clientID, secret string) (azcore.TokenCredential, error) {
	return azidentity.NewClientSecretCredential(cloud.Tenant, clientID, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: cloud.options.ClientOptions, DisableInstanceDiscovery: true})
}

func clientOf(ca string) (*http.Client, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority (SSL_CERT_FILE): %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}, nil
}

// start starts a lanyardd of our own; end ends it and leaves its record for the ledger.
func start() (ca string, end func(passed bool) error, err error) {
	build, err := filepath.Abs("../build")
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	listen := listener.Addr().String()
	listener.Close()
	cloud.Origin = "https://localhost" + listen[strings.LastIndex(listen, ":"):]
	trusted, issuerCA, err := startIssuer(dir)
	if err != nil {
		return "", nil, err
	}
	program, as, err := withoutRoot(filepath.Join(build, "bin", "lanyardd"), dir)
	if err != nil {
		return "", nil, err
	}
	folders := []string{"--data-dir=" + filepath.Join(dir, "data"), "--run-dir=" + filepath.Join(dir, "run")}
	admin, ca := filepath.Join(dir, "administrator.json"), filepath.Join(dir, "data", "tls", "ca.crt")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", nil, err
	}
	defer log.Close()
	command := exec.Command(program, append([]string{"serve", "--listen=" + listen, "--origin=" + cloud.Origin, "--admin-credential-file=" + admin, "--registration-time=1s", "--clusters=none",
		"--trusted-issuer=" + trusted.host(), "--issuer-ca-file=" + issuerCA}, folders...)...)
	command.Stdout, command.Stderr, command.SysProcAttr = log, log, as
	if err := command.Start(); err != nil {
		return "", nil, fmt.Errorf("starting lanyardd: is it built (make build)? %w", err)
	}
	cloud.issuer = trusted
	end = func(passed bool) error {
		trusted.server.Close()
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		data, readErr := os.ReadFile(filepath.Join(dir, "data", "record", "record.jsonl"))
		teardown := exec.Command(program, append([]string{"teardown"}, folders...)...)
		teardown.SysProcAttr = as
		out, err := teardown.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("tearing down: %w: %s", err, out)
		}
		err = errors.Join(err, readErr, os.RemoveAll(dir))
		if !passed || err != nil {
			return err
		}
		records := filepath.Join(build, "records")
		return errors.Join(os.MkdirAll(records, 0o755), os.WriteFile(filepath.Join(records, "conformance.jsonl"), data, 0o600))
	}
	if err := ready(ca, admin); err != nil {
		said, _ := os.ReadFile(log.Name())
		return "", nil, errors.Join(err, fmt.Errorf("lanyardd said: %s", said), end(false))
	}
	return ca, end, nil
}

// nobody is a user without rights.
const nobody = 65534

// withoutRoot copies the program into the folder, gives the folder to a user without rights, and says how to run as him:
// a lanyardd that makes no clusters needs no more. Whoever isn't root already, stays who he is.
func withoutRoot(program, dir string) (copied string, as *syscall.SysProcAttr, err error) {
	if os.Geteuid() != 0 {
		return program, nil, nil
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return "", nil, fmt.Errorf("is lanyardd built (make build)? %w", err)
	}
	copied = filepath.Join(dir, "lanyardd")
	if err := os.WriteFile(copied, data, 0o755); err != nil { //nolint:gosec // a program
		return "", nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	for _, entry := range entries {
		err = errors.Join(err, os.Chown(filepath.Join(dir, entry.Name()), nobody, nobody))
	}
	return copied, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}, errors.Join(err, os.Chown(dir, nobody, nobody))
}

// ready waits until the cloud answers and reads its administrator.
func ready(ca, admin string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		client, err := clientOf(ca)
		if err != nil {
			continue
		}
		response, err := client.Get(cloud.Origin + "/readyz")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			data, err := os.ReadFile(admin)
			if err != nil {
				return err
			}
			return json.Unmarshal(data, &cloud)
		}
	}
	return errors.New("lanyardd didn't become ready in a minute")
}
