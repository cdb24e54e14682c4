package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const maxObject = 4 << 20

// Read reads one object.
func (c *Client) Read(ctx context.Context, path string, into any) error {
	response, err := c.Get(ctx, path, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxObject)).Decode(into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// Merge changes one object by a JSON merge patch.
func (c *Client) Merge(ctx context.Context, path string, patch any) error {
	return c.write(ctx, http.MethodPatch, path, "application/merge-patch+json", patch)
}

// Create makes one object in a collection.
func (c *Client) Create(ctx context.Context, path string, object any) error {
	return c.write(ctx, http.MethodPost, path, "application/json", object)
}

func (c *Client) write(ctx context.Context, method, path, contentType string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encoding an object: %w", err)
	}
	target := *c.server
	target.Path = strings.TrimSuffix(target.Path, "/") + path
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	token, err := c.token.read()
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token.Reveal())
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", "lanyard-nmi")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking the API server: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return ReadStatus(response)
	}
	return nil
}
