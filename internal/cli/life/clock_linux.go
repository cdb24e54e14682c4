package life

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func clockCommand() command.Table {
	return command.Table{
		Groups: []command.Group{{Path: "clock", Summary: "The clock of the cloud on this machine; it can be moved when the cloud was started with `up --clock movable`."}},
		Commands: []*command.Command{
			{Path: "clock show", Summary: "Show the cloud's time.", Arguments: cloudArguments(), Run: func(ctx context.Context, c *command.Call) (any, error) {
				return moveClock(ctx, c, http.MethodGet, nil)
			}},
			{
				Path: "clock move", Summary: "Move the cloud's time forward: secrets rotate, tokens end.",
				Arguments: append(cloudArguments(), argOf("by", "How far: 46d, 2h30m."), argOf("--to", "Until this time (2006-01-02T15:04:05Z) instead.")),
				Examples:  []command.Example{{Title: "See managed identities rotate their credentials.", Line: "lanyard clock move 46d"}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					body := value.NewObject()
					switch by, to := c.Get("by"), c.Get("to"); {
					case (by == "") == (to == ""):
						return nil, command.Usage("usage error: clock move BY | --to TIME")
					case to != "":
						if _, err := time.Parse(time.RFC3339, to); err != nil {
							return nil, command.Usage("--to needs a time such as 2027-01-31T12:00:00Z, not %q", to)
						}
						body.Set("to", to)
					default:
						body.Set("advance", by)
					}
					return moveClock(ctx, c, http.MethodPost, body)
				},
			},
		},
	}
}

func moveClock(ctx context.Context, c *command.Call, method string, body *value.Object) (any, error) {
	cloud, err := running(c)
	if err != nil {
		return nil, err
	}
	client, err := administratorClient(c, cloud)
	if err != nil {
		return nil, err
	}
	var sent any
	if body != nil {
		sent = body
	}
	answer, err := client.Do(ctx, method, "/lanyard/clock", "", sent)
	if azure.NotFound(err) {
		return nil, errors.New("this cloud's clock can't be moved: start it with `lanyard up --clock movable`")
	}
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		// The tokens of the time before have ended for the cloud.
		if err := c.Folder().ForgetTokens(); err != nil {
			return nil, err
		}
	}
	o := answer.Object()
	if c.Given("output") || c.Get("query") != "" {
		return o, nil
	}
	fmt.Fprintf(c.Program.Out, "%s (%s ahead)\n", o.String("now"), o.String("ahead"))
	return nil, nil
}

// clockFlags are what lanyardd is started with for --clock.
func clockFlags(c *command.Call, cloud *local.Cloud) {
	if kind := c.Get("clock"); kind != "" && kind != "real" {
		cloud.Flags = append(cloud.Flags, "--clock="+kind)
	}
}
