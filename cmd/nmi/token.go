package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// tokenLimit bounds a token request: an agent waits for an identity's assignment before it refuses.
const tokenLimit = 2 * time.Minute

// askToken is what `kubectl lanyard token` runs beside a pod that has no client of its own: in the pod's network it asks
// as the pod does, and prints the answer, whatever it is. With --stay it only waits there, to be asked by exec, whose
// output no log keeps.
func askToken(ctx context.Context, arguments []string, answer, complaints io.Writer) error {
	set := flag.NewFlagSet("nmi token", flag.ContinueOnError)
	set.SetOutput(complaints)
	metadata := set.String("metadata", "http://169.254.169.254", "URL of the metadata service, as pods know it")
	resource := set.String("resource", "", "resource that the token is for")
	client := set.String("client-id", "", "identity to ask for; empty for the pod's only one")
	stay := set.Duration("stay", 0, "don't ask, but wait that long")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	if *stay > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(*stay):
		}
		return nil
	}
	if *resource == "" {
		return errors.New("nmi token needs --resource or --stay")
	}
	query := url.Values{"api-version": {"2018-02-01"}, "resource": {*resource}}
	if *client != "" {
		query.Set("client_id", *client)
	}
	ctx, cancel := context.WithTimeout(ctx, tokenLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, *metadata+"/metadata/identity/oauth2/token?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Metadata", "true")
	// No proxy: a pod's token is nobody else's to see.
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return fmt.Errorf("asking for a token: %w", err)
	}
	defer response.Body.Close()
	_, err = io.Copy(answer, response.Body)
	return err
}
