package life

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/value"
	"github.com/lanyard-project/lanyard/internal/secret"
)

func argOf(names, help string) argument { return grammar.Arg(names, help) }

func tokenCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "token", Summary: "Ask for a token as the current sign-in or as a pod, and say what it means.",
		Details: "The token itself is shown with --raw only. A token that comes from elsewhere is explained with --decode. A pod is asked by its own curl or wget; --beside needs neither.",
		Arguments: []argument{
			grammar.Arg("who", "me, or pod/NAMESPACE/NAME of the current cluster.").Of(grammar.Optional),
			grammar.Arg("--resource", "Resource that the token is for.").Or("https://management.azure.com/"),
			grammar.Arg("--client-id", "Identity to ask for, when a pod has several."),
			grammar.Flag("--beside", "Ask from an ephemeral container that is added to the pod, with the node agent's image."),
			grammar.Arg("--decode", "A token to explain; - reads it.").Hidden(),
			grammar.Flag("--raw", "Print the token."),
		},
		Examples: []command.Example{
			{Title: "What does my token say?", Line: "lanyard token"},
			{Title: "What token does a pod get?", Line: "lanyard token pod/my-app/demo"},
			{Title: "The same of a pod whose image has no shell.", Line: "lanyard token pod/my-app/demo --beside"},
			{Title: "Explain a token.", Line: "lanyard token --decode @token.txt"},
		},
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			token, err := tokenOf(ctx, c)
			if err != nil {
				return nil, err
			}
			if c.On("raw") {
				fmt.Fprintln(c.Program.Out, token.Reveal())
				return nil, nil
			}
			claims, err := decodeToken(token)
			if err != nil {
				return nil, err
			}
			if c.Given("output") || c.Get("query") != "" {
				return claims, nil
			}
			tell(c.Program.Out, claims)
			return nil, nil
		},
	}}}
}

func tokenOf(ctx context.Context, c *command.Call) (secret.String, error) {
	if c.Given("decode") {
		text := c.Get("decode")
		if text == "-" {
			data, err := io.ReadAll(c.Program.In)
			if err != nil {
				return secret.String{}, err
			}
			text = string(data)
		}
		return secret.New(strings.TrimSpace(text)), nil
	}
	who := c.Get("who")
	if pod, ok := strings.CutPrefix(who, "pod/"); ok {
		return podToken(ctx, c, pod)
	}
	if who != "" && who != "me" {
		return secret.String{}, errors.New("a token is asked as me or as pod/NAMESPACE/NAME; others can't be asked for, since only they can prove who they are")
	}
	client, err := c.Client()
	if err != nil {
		return secret.String{}, err
	}
	token, err := client.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.Get("resource") + "/.default"}})
	return secret.New(token.Token), err
}

// decodeToken reads the claims of a token. It proves nothing: the signature isn't looked at.
func decodeToken(token secret.String) (*value.Object, error) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return nil, errors.New("that isn't a JSON Web Token: it has no three parts")
	}
	decoded := value.NewObject()
	for i, name := range []string{"header", "claims"} {
		data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "="))
		if err != nil {
			return nil, fmt.Errorf("the token's %s can't be decoded: %w", name, err)
		}
		v, err := value.Decode(data)
		if err != nil {
			return nil, fmt.Errorf("the token's %s isn't JSON: %w", name, err)
		}
		decoded.Set(name, v)
	}
	return decoded, nil
}

// meanings say what the claims of Entra's tokens mean.
func meanings() map[string]string {
	return map[string]string{
		"aud": "whom the token is for; others must refuse it", "iss": "who issued it", "iat": "when it was issued", "nbf": "from when it is good", "exp": "when it ends",
		"aio": "the token service's own", "appid": "client ID of who asked", "azp": "client ID of who asked", "appidacr": "how the client proved itself: 0 not, 1 secret, 2 certificate or federation",
		"azpacr": "how the client proved itself: 0 not, 1 secret, 2 certificate or federation", "idp": "where the subject signed in", "idtyp": "app: no person is behind it",
		"oid": "object ID: whom role assignments name", "sub": "the subject, for this audience", "tid": "the tenant", "uti": "this token's own ID", "ver": "version of the token's form",
		"xms_mirid": "the managed identity's resource, or the one it belongs to", "roles": "application roles", "rh": "the token service's own", "scp": "what the user consented to",
		"upn": "user name", "unique_name": "user name", "groups": "groups of the subject", "wids": "directory roles", "xms_az_rid": "the resource that the identity belongs to", "xms_tcdt": "when the tenant was made",
		"alg": "how it is signed", "kid": "the key that signed it", "typ": "its form", "x5t": "the key that signed it",
	}
}

func tell(out io.Writer, decoded *value.Object) {
	for _, part := range []string{"header", "claims"} {
		o := decoded.Object(part)
		width, wide := 0, 0
		texts := map[string]string{}
		for _, key := range o.Keys() {
			texts[key] = claimText(key, o.At(key))
			width, wide = max(width, len(key)), max(wide, min(len(texts[key]), 60))
		}
		for _, key := range o.Keys() {
			meaning := meanings()[key]
			if meaning == "" {
				meaning = "-"
			}
			fmt.Fprintf(out, "%-*s  %-*s  %s\n", width, key, wide, texts[key], meaning)
		}
		fmt.Fprintln(out)
	}
}

func claimText(key string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		seconds, err := v.Int64()
		if err == nil && (key == "exp" || key == "iat" || key == "nbf" || key == "xms_tcdt") {
			t := time.Unix(seconds, 0).UTC()
			return fmt.Sprintf("%s (%s)", t.Format(time.RFC3339), fromNow(time.Until(t)))
		}
		return v.String()
	}
	data, err := value.Encode(v)
	if err != nil {
		return ""
	}
	return string(data)
}

func fromNow(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Second).String() + " ago"
	}
	return "in " + d.Round(time.Second).String()
}
