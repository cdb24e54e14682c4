package life

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// cloudName is how `lanyard cloud list` calls the cloud of this machine.
const cloudName = "lanyard"

func upCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "up", Summary: "Start the cloud on this machine, and sign in to it.",
		Details: "Starting what runs already is fine. Clusters are made with `lanyard aks create`.",
		Arguments: append(cloudArguments(),
			grammar.Flag("--foreground", "Stay, show the log, and take the cloud down at Ctrl-C."),
			grammar.Flag("--clean", "Remove what was there before."),
			grammar.Arg("--clock", "real, or movable: then `clock move` moves the cloud's time.").Choices("real", "movable"),
			grammar.List("--tenant", "Further tenants with an administrator of their own: DOMAIN or DOMAIN=ID."),
			grammar.List("--subscriptions", "Further subscriptions: NAME, NAME=ID, NAME@TENANT or NAME=ID@TENANT."),
			grammar.Flag("--no-login", "Leave the current cloud and sign-in as they are.")),
		Examples: []command.Example{
			{Title: "Start it and make a cluster.", Line: "lanyard up\nlanyard group create -n myResourceGroup -l eastus\nlanyard aks create -g myResourceGroup -n myAKSCluster --node-count 1 --generate-ssh-keys"},
		},
		Run: up,
	}}}
}

func up(ctx context.Context, c *command.Call) (any, error) {
	cloud, err := ready(ctx, c)
	if err != nil {
		return nil, err
	}
	clockFlags(c, cloud)
	for _, tenant := range c.List("tenant") {
		cloud.Flags = append(cloud.Flags, "--tenant="+tenant)
	}
	for _, subscription := range c.List("subscriptions") {
		cloud.Flags = append(cloud.Flags, "--subscription="+subscription)
	}
	p := &progress{out: c.Program.Out, color: c.Program.Color}
	if c.On("clean") {
		if err := p.step("removing what was there", func() error { return cloud.Down(ctx) }); err != nil {
			return nil, err
		}
	}
	if at := cloud.RunsAt(); at != "" {
		fmt.Fprintf(c.Program.Out, "the cloud runs already: %s (process %d)\n", cloud.Origin(), cloud.PID())
	} else if err := startCloud(ctx, p, cloud); err != nil {
		return nil, err
	}
	if !c.On("no-login") {
		if err := p.step("signing in as its administrator", func() error { return signIn(c, cloud) }); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(c.Program.Out, "\nARM, token service, Graph: %s\n  %-22s what is there\n  %-22s for other programs: az, Terraform, SDKs, kubectl\n  %-22s ends it\n",
		cloud.Origin(), c.Program.Name+" status", `eval "$(`+c.Program.Name+` env)"`, c.Program.Name+" down")
	if !c.On("foreground") {
		return nil, nil
	}
	return nil, follow(ctx, c, cloud)
}

func startCloud(ctx context.Context, p *progress, cloud *local.Cloud) error {
	release, err := cloud.Claim()
	if err != nil {
		return err
	}
	defer release()
	if err := p.step("starting lanyardd and its etcd", func() error { return cloud.Start(ctx) }); err != nil {
		return err
	}
	return p.step("packing the images of the nodes", func() error { return cloud.PackImages() })
}

// signIn makes the cloud known to the user's settings and signs its administrator in.
func signIn(c *command.Call, cloud *local.Cloud) error {
	admin, err := cloud.Administrator()
	if err != nil {
		return err
	}
	folder := c.Folder()
	if err := folder.SaveCloud(known(cloud)); err != nil {
		return err
	}
	settings, err := folder.Settings()
	if err != nil {
		return err
	}
	settings.Set("cloud", "name", cloudName)
	if err := folder.SaveSettings(settings); err != nil {
		return err
	}
	credential := administratorOf(admin)
	if err := folder.SaveCredential(credential); err != nil {
		return err
	}
	// Tokens and subscriptions of a cloud that was here before are of no use.
	if err := folder.Forget(cloudName); err != nil {
		return err
	}
	return folder.SaveSubscriptions([]login.Subscription{{
		ID: admin.SubscriptionID, Name: "Lanyard", State: "Enabled", TenantID: admin.TenantID, HomeTenantID: admin.TenantID,
		Cloud: cloudName, User: credential.Profile(), ManagedByTenants: []login.Tenant{},
	}})
}

// known is the cloud of this machine as `lanyard cloud list` has it.
func known(cloud *local.Cloud) *login.Cloud {
	origin := cloud.Origin()
	return &login.Cloud{
		Name: cloudName, Profile: "latest", CertificateAuthority: cloud.CAFile(), Suffixes: value.NewObject("acrLoginServerEndpoint", ".azurecr.io"),
		Endpoints: value.NewObject("resourceManager", origin+"/", "management", origin+"/", "activeDirectory", origin,
			"activeDirectoryResourceId", "https://management.core.windows.net/", "activeDirectoryGraphResourceId", origin+"/",
			"microsoftGraphResourceId", origin+"/", "gallery", origin+"/"),
	}
}

func administratorOf(admin local.Administrator) *login.Credential {
	return &login.Credential{Kind: login.Secret, Cloud: cloudName, Tenant: admin.TenantID, ClientID: admin.ClientID, Secret: admin.ClientSecret}
}

// follow shows the log until the user ends it, then takes the cloud down.
func follow(ctx context.Context, c *command.Call, cloud *local.Cloud) error {
	tail := exec.CommandContext(ctx, "tail", "-n", "20", "-f", cloud.LogFile())
	tail.Stdout, tail.Stderr = c.Program.Out, c.Program.Err
	err := tail.Run()
	if ctx.Err() == nil {
		return err
	}
	fmt.Fprintln(c.Program.Out, "\ntaking the cloud down")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	return cloud.Down(ending)
}

// progress tells steps as they are done.
type progress struct {
	out   io.Writer
	color bool
}

func (p *progress) step(what string, run func() error) error {
	out, live := p.out, p.color && command.IsTerminal(p.out)
	if live {
		fmt.Fprintf(out, "  … %s", what)
	}
	started := time.Now()
	err := run()
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	if live {
		fmt.Fprint(out, "\r\x1b[K")
		mark = map[bool]string{true: "\x1b[31m✗\x1b[0m", false: "\x1b[32m✓\x1b[0m"}[err != nil]
	}
	fmt.Fprintf(out, "  %s %s (%.1f s)\n", mark, what, time.Since(started).Seconds())
	return err
}

func logsCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "logs", Summary: "Show the log of the cloud on this machine.",
		Arguments: append(cloudArguments(), grammar.Flag("--follow -f", "Go on as it grows."), grammar.Arg("--tail", "Number of lines.").Or("100")),
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			cloud, err := cloudOf(c)
			if err != nil {
				return nil, err
			}
			if !exists(cloud.LogFile()) {
				return nil, errors.New("there is no log at " + cloud.LogFile())
			}
			args := []string{"-n", c.Get("tail")}
			if c.On("follow") {
				args = append(args, "-f")
			}
			tail := exec.CommandContext(ctx, "tail", append(args, cloud.LogFile())...) //nolint:gosec // the user's own file
			tail.Stdout, tail.Stderr, tail.Stdin = c.Program.Out, c.Program.Err, os.Stdin
			err = tail.Run()
			if ctx.Err() != nil {
				return nil, nil
			}
			return nil, err
		},
	}}}
}
