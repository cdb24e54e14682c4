package groups

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/query"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func waitArguments() []argument {
	return []argument{
		arg("--timeout", "Seconds to wait at the most.").Or("3600"),
		arg("--interval", "Seconds between two looks.").Or("30"),
		flag("--deleted", "Wait until it is gone."),
		flag("--created", "Wait until its provisioningState is Succeeded."),
		flag("--updated", "Wait until its provisioningState is Succeeded."),
		flag("--exists", "Wait until it is there."),
		arg("--custom", "Wait until this JMESPath expression is true."),
	}
}

// wait returns a command that looks at a resource until a condition holds.
func (k kind) wait(ctx context.Context, c *command.Call) (any, error) {
	if !c.On("deleted") && !c.On("created") && !c.On("updated") && !c.On("exists") && c.Get("custom") == "" {
		return nil, command.Usage("incorrect usage: --created | --updated | --deleted | --exists | --custom JMESPATH")
	}
	var custom *query.Expression
	if text := c.Get("custom"); text != "" {
		var err error
		if custom, err = query.Parse(text); err != nil {
			return nil, err
		}
	}
	timeout, err := seconds(c, "timeout")
	if err != nil {
		return nil, err
	}
	interval, err := seconds(c, "interval")
	if err != nil {
		return nil, err
	}
	done := c.Progress("Waiting")
	defer done()
	for waited := time.Duration(0); waited < timeout; waited += interval {
		holds, err := k.holds(ctx, c, custom)
		if err != nil || holds {
			return nil, err
		}
		if err := c.Sleep(ctx, interval); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("Wait operation timed-out after %d seconds", int(timeout.Seconds())) //nolint:staticcheck // az's text
}

func (k kind) holds(ctx context.Context, c *command.Call, custom *query.Expression) (bool, error) {
	answer, err := k.show(ctx, c)
	if azure.NotFound(err) {
		if c.On("deleted") {
			return true, nil
		}
		if c.On("created") || c.On("exists") || custom != nil {
			return false, nil
		}
	}
	if err != nil {
		return false, err
	}
	if c.On("exists") {
		return true, nil
	}
	o, _ := answer.(*value.Object)
	state := o.String("provisioningState")
	if state == "" {
		state = o.String("properties", "provisioningState")
	}
	switch strings.ToLower(state) {
	case "failed":
		return false, fmt.Errorf("The operation failed") //nolint:staticcheck,revive // az's text
	case "succeeded":
		if c.On("created") || c.On("updated") {
			return true, nil
		}
	}
	if custom == nil {
		return false, nil
	}
	got, err := custom.Search(answer)
	return truthy(got), err
}

func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	}
	return true
}

func seconds(c *command.Call, key string) (time.Duration, error) {
	n, err := strconv.Atoi(c.Get(key))
	if err != nil || n <= 0 {
		return 0, command.Usage("argument --%s: invalid int value: '%s'", key, c.Get(key))
	}
	return time.Duration(n) * time.Second, nil
}
