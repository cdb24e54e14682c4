package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/login"
)

// Call is one run of a command: its arguments and what it may use.
type Call struct {
	*grammar.Values
	// Program is the program that runs.
	Program *Program
	// Command is what the line named.
	Command *Command
	// Rest are the words of a Raw command.
	Rest []string
}

// Folder is where the user's settings are.
func (c *Call) Folder() login.Folder { return c.Program.Folder }

// Cloud is the cloud that commands go to: $LANYARD_CLOUD, else what `cloud set` chose.
func (c *Call) Cloud() (*login.Cloud, error) {
	name := c.Program.Getenv("LANYARD_CLOUD")
	if name == "" {
		name = c.Program.settings.Get("cloud", "name")
	}
	if name == "" {
		name = "AzureCloud"
	}
	return c.Folder().Cloud(name)
}

// Transport is the HTTP client for a cloud: it trusts the cloud's own authority too.
func (c *Call) Transport(cloud *login.Cloud) (*http.Client, error) {
	return c.Program.transport(cloud)
}

// Subscription is the one of --subscription, or the default one.
func (c *Call) Subscription() (login.Subscription, error) {
	cloud, err := c.Cloud()
	if err != nil {
		return login.Subscription{}, err
	}
	name := c.Get("subscription")
	found, err := c.Folder().Subscription(cloud.Name, name)
	if err == nil || !isGUID(name) || errors.Is(err, login.ErrSignedOut) {
		return found, err
	}
	// A subscription that the sign-in didn't list may exist all the same.
	base, err := c.Folder().Subscription(cloud.Name, "")
	base.ID = name
	return base, err
}

// Client is a client for the subscription, signed in as its user.
func (c *Call) Client() (*azure.Client, error) {
	cloud, err := c.Cloud()
	if err != nil {
		return nil, err
	}
	subscription, err := c.Subscription()
	if err != nil {
		return nil, err
	}
	return c.ClientFor(cloud, subscription)
}

// ClientFor is a client for a subscription of a cloud.
func (c *Call) ClientFor(cloud *login.Cloud, s login.Subscription) (*azure.Client, error) {
	credential, err := c.Folder().Credential(cloud.Name, s.User.Name)
	if err != nil {
		return nil, err
	}
	transport, err := c.Transport(cloud)
	if err != nil {
		return nil, err
	}
	token, err := credential.Token(s.TenantID, login.Options{Cloud: cloud, Transport: transport, Folder: c.Folder()})
	if err != nil {
		return nil, err
	}
	return azure.New(cloud, s.TenantID, s.ID, token, transport, c.Program.Version)
}

// Err is where messages to a person go.
func (c *Call) Err() io.Writer { return c.Program.Err }

// Warn prints a warning.
func (c *Call) Warn(format string, args ...any) {
	c.Program.message("WARNING", fmt.Sprintf(format, args...))
}

// Sleep waits, or returns when the command is ended.
func (c *Call) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// ErrCancelled is what a question answered with no ends with.
var ErrCancelled = errors.New("Operation cancelled.") //nolint:staticcheck // az's text

// Confirm asks a question unless --yes was given. Without a terminal the answer is no.
func (c *Call) Confirm(question string) error {
	if c.On("yes") || c.Program.settings.Get("core", "disable_confirm_prompt") == "true" {
		return nil
	}
	if !c.Program.Interactive {
		c.Warn("Unable to prompt for confirmation as no tty available. Use --yes.")
		return ErrCancelled
	}
	reader := bufio.NewReader(c.Program.In)
	for {
		fmt.Fprintf(c.Program.Err, "%s (y/n): ", question)
		line, err := reader.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y":
			return nil
		case "n":
			return ErrCancelled
		}
		if err != nil {
			return ErrCancelled
		}
	}
}

// Usage is a mistake in the arguments that az tells with exit status 1.
func Usage(format string, args ...any) error { return fmt.Errorf(format, args...) }

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return false
		}
	}
	return true
}

// Width is the number of columns of a terminal, 0 for what is no terminal.
func Width(stream any) int {
	file, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// IsTerminal reports whether a person reads what or writes at the other end of a stream.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
