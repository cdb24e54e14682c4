package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
)

const (
	metadataHost = "http://169.254.169.254"
	msiEndpoint  = metadataHost + "/metadata/identity/oauth2/token"
	armScope     = "https://management.azure.com/.default"
	armResource  = "https://management.azure.com/"
	// repeatAfter is how long an unchanged outcome stays unsaid.
	repeatAfter = 10 * time.Second
)

type demo struct {
	subscription, clientID, resourceGroup string

	armCredential azcore.TokenCredential
	said          map[string]saying
}

type saying struct {
	text string
	at   time.Time
}

// round does the four things once and reports whether all went well.
func (d *demo) round(ctx context.Context) bool {
	ok := d.say("arm", d.armOperation)(ctx)
	ok = d.say("msi", func(ctx context.Context) (string, error) {
		if err := d.token(ctx, ""); err != nil {
			return "", fmt.Errorf("failed to acquire a token using the MSI: %w", err)
		}
		return fmt.Sprintf("successfully acquired a token using the MSI, msiEndpoint(%s)", msiEndpoint), nil
	})(ctx) && ok
	if d.clientID != "" {
		ok = d.say("userAssigned", func(ctx context.Context) (string, error) {
			if err := d.token(ctx, d.clientID); err != nil {
				return "", fmt.Errorf("failed to acquire a token, userAssignedID MSI, clientID(%s): %w", d.clientID, err)
			}
			return fmt.Sprintf("successfully acquired a token, userAssignedID MSI, msiEndpoint(%s) clientID(%s)", msiEndpoint, d.clientID), nil
		})(ctx) && ok
	}
	ok = d.say("request", d.tokenRequest)(ctx) && ok
	return d.say("instance", instanceMetadata)(ctx) && ok
}

// say runs one thing and logs its outcome when it differs from the last one.
func (d *demo) say(name string, run func(context.Context) (string, error)) func(context.Context) bool {
	return func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 80*time.Second)
		defer cancel()
		text, err := run(ctx)
		if err != nil {
			text = oneLine(err)
		}
		if d.said == nil {
			d.said = map[string]saying{}
		}
		last := d.said[name]
		if now := time.Now(); kind(text) != kind(last.text) || now.Sub(last.at) > repeatAfter {
			d.said[name] = saying{text, now}
			log.Print(text)
		}
		return err == nil
	}
}

// kind cuts what differs between two answers of the same kind (trace IDs, times).
func kind(text string) string { return text[:min(len(text), 160)] }

// oneLine folds an SDK error, which spans many lines, into what a log line can hold.
func oneLine(err error) string {
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		body, _ := io.ReadAll(response.RawResponse.Body)
		prefix, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Sprintf("%s: HTTP %d %s: %s", strings.TrimSpace(prefix), response.StatusCode, response.ErrorCode, strings.TrimSpace(string(body)))
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

func (d *demo) credential(clientID string) (azcore.TokenCredential, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{}
	if clientID != "" {
		options.ID = azidentity.ClientID(clientID)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

// token gets a token as applications do. The SDK keeps tokens for the whole
// process, so that this shows what the application has and not what it would be
// given now; that is tokenRequest.
func (d *demo) token(ctx context.Context, clientID string) error {
	credential, err := d.credential(clientID)
	if err != nil {
		return err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{armScope}})
	if err != nil {
		return err
	}
	if token.Token == "" || time.Until(token.ExpiresOn) <= 0 {
		return errors.New("the token is empty or expired")
	}
	return nil
}

// tokenRequest asks the metadata service itself, every time.
func (d *demo) tokenRequest(ctx context.Context) (string, error) {
	status, _, body, err := get(ctx, tokenURL(d.clientID))
	if err != nil {
		return "", fmt.Errorf("token request failed, clientID(%s): %w", d.clientID, err)
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("token request refused, clientID(%s): HTTP %d %s", d.clientID, status, strings.TrimSpace(string(body)))
	}
	return fmt.Sprintf("token request granted, clientID(%s)", d.clientID), nil
}

func tokenURL(clientID string) string {
	query := url.Values{"api-version": {"2018-02-01"}, "resource": {armResource}}
	if clientID != "" {
		query.Set("client_id", clientID)
	}
	return msiEndpoint + "?" + query.Encode()
}

func (d *demo) armOperation(ctx context.Context) (string, error) {
	if d.armCredential == nil {
		credential, err := d.credential(d.clientID)
		if err != nil {
			return "", fmt.Errorf("failed doARMOperations: %w", err)
		}
		d.armCredential = credential
	}
	client, err := armcompute.NewVirtualMachinesClient(d.subscription, d.armCredential, armOptions())
	if err != nil {
		return "", fmt.Errorf("failed doARMOperations: %w", err)
	}
	count := 0
	for pager := client.NewListPager(d.resourceGroup, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("failed doARMOperations: %w", err)
		}
		count += len(page.Value)
	}
	return fmt.Sprintf("successfully doARMOperations vm count %d", count), nil
}

func armOptions() *arm.ClientOptions {
	endpoint := os.Getenv("ARM_ENDPOINT")
	if endpoint == "" {
		return nil
	}
	return &arm.ClientOptions{
		ClientOptions: policy.ClientOptions{Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: "https://login.microsoftonline.com/", // unused: tokens come from the metadata service
			Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {Endpoint: endpoint, Audience: strings.TrimSuffix(armResource, "/")}},
		}},
		DisableRPRegistration: true,
	}
}

func instanceMetadata(ctx context.Context) (string, error) {
	status, _, body, err := get(ctx, metadataHost+"/metadata/instance?api-version=2017-08-01")
	if err != nil {
		return "", fmt.Errorf("failed to GET instance metadata: %w", err)
	}
	if status != http.StatusOK || !json.Valid(body) {
		return "", fmt.Errorf("failed to GET instance metadata: HTTP %d %s", status, body)
	}
	return "successfully made GET on instance metadata", nil
}

// rawTokenRequest shows what the metadata service answers, byte for byte but for
// the token, and returns the exit status: 0 for a token, 1 for a refusal.
func rawTokenRequest(ctx context.Context, out io.Writer, clientID string) int {
	status, header, body, err := get(ctx, tokenURL(clientID))
	if err != nil {
		fmt.Fprintf(out, "no answer: %v\n", err)
		return 1
	}
	if status != http.StatusOK {
		retry := ""
		if after := header.Get("Retry-After"); after != "" {
			retry = " Retry-After=" + after
		}
		fmt.Fprintf(out, "HTTP %d%s %s\n", status, retry, strings.TrimSpace(string(body)))
		return 1
	}
	var token struct {
		ClientID  string `json:"client_id"`
		Resource  string `json:"resource"`
		ExpiresIn string `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &token); err != nil {
		fmt.Fprintf(out, "HTTP 200 with a body that isn't a token answer: %v\n", err)
		return 1
	}
	fmt.Fprintf(out, "HTTP 200 client_id=%s resource=%s expires_in=%s\n", token.ClientID, token.Resource, token.ExpiresIn)
	return 0
}

func get(ctx context.Context, target string) (status int, header http.Header, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header.Set("Metadata", "true")
	// No proxy: the metadata address must never go through one.
	client := &http.Client{Timeout: 80 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, response.Header, body, err
}
