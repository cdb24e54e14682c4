package command

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/print"
	"github.com/lanyard-project/lanyard/internal/cli/query"
	"github.com/lanyard-project/lanyard/internal/cli/shape"
)

// Exit statuses, which are az's.
const (
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
)

// ExitStatus ends the program with a status and says nothing, for programs that run
// others.
type ExitStatus int

func (e ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Program is the command line program in its surroundings.
type Program struct {
	// Name is how messages call it.
	Name    string
	Version string
	Table   Table
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Getenv  func(string) string
	Folder  login.Folder
	// Network carries requests; nil is the machine's own.
	Network http.RoundTripper
	// Interactive says that questions can be asked.
	Interactive bool
	// Color says that the output may be coloured.
	Color bool

	tree     *grammar.Tree
	settings *login.Settings
	quiet    bool
	verbose  bool
}

// Run runs one command line and returns the exit status.
func (p *Program) Run(ctx context.Context, line []string) int {
	var err error
	if p.settings, err = p.Folder.Settings(); err != nil {
		return p.fail(err)
	}
	grammars := make([]*grammar.Command, len(p.Table.Commands))
	for i, c := range p.Table.Commands {
		grammars[i] = c.grammar()
	}
	p.tree = grammar.NewTree(grammars)
	if len(line) > 0 && line[0] == "help" {
		line = append(line[1:], "--help")
	}
	found, path, rest, err := p.tree.Find(p.Name, line)
	if err != nil {
		return p.fail(err)
	}
	if found == nil {
		return p.group(path, rest)
	}
	command := p.command(found.Path)
	call := &Call{Program: p, Command: command, Values: grammar.NewValues(nil)}
	if command.Raw {
		call.Rest = rest
		return p.finish(p.run(ctx, call, nil))
	}
	values, err := grammar.Parse(p.Name, found, grammar.ExpandFiles(rest, p.In))
	if err != nil {
		return p.fail(err)
	}
	call.Values = values
	if call.On("help") {
		p.help(command)
		return 0
	}
	return p.finish(p.execute(ctx, call, found))
}

// group answers a line that names no command: with help when it was asked for.
func (p *Program) group(path string, rest []string) int {
	for _, word := range rest {
		if word == "--version" {
			fmt.Fprintln(p.Out, p.Name, p.Version)
			return 0
		}
	}
	if len(rest) > 0 || path == "" {
		p.groupHelp(path)
		return 0
	}
	return p.fail(&grammar.Error{Text: "the following arguments are required: _subcommand", Command: path})
}

func (p *Program) command(path string) *Command {
	for _, c := range p.Table.Commands {
		if c.Path == path {
			return c
		}
	}
	return nil
}

// execute checks what can be checked without asking a service, then runs the command
// once for each resource that it is about.
func (p *Program) execute(ctx context.Context, call *Call, g *grammar.Command) error {
	p.verbose = call.On("verbose")
	if started := time.Now(); p.verbose {
		defer func() { p.message("INFO", fmt.Sprintf("Command ran in %.3f seconds.", time.Since(started).Seconds())) }()
	}
	p.quiet = call.On("only-show-errors") || p.settings.Get("core", "only_show_errors") == "true"
	if call.On("debug") {
		azlog.SetListener(func(event azlog.Event, text string) {
			fmt.Fprintf(p.Err, "DEBUG: %s: %s\n", event, text)
		})
	}
	var selection *query.Expression
	if text := call.Get("query"); text != "" {
		var err error
		if selection, err = query.Parse(text); err != nil {
			return &grammar.Error{Text: "argument --query: invalid jmespath_type value: " + pythonQuote(text),
				Hints: []string{"To learn more about --query, please visit: 'https://docs.microsoft.com/cli/azure/query-azure-cli'"}}
		}
	}
	if !call.Given("output") {
		if format := p.settings.Get("core", "output"); format != "" {
			call.SetDefault("output", format)
		}
	}
	p.applyDefaults(call)
	if err := grammar.Require(g, call.Values); err != nil {
		return err
	}
	if call.Command.Confirm != "" {
		if err := call.Confirm(call.Command.Confirm); err != nil {
			return err
		}
	}
	return p.run(ctx, call, selection)
}

// applyDefaults gives arguments the values of `config set defaults.…`.
func (p *Program) applyDefaults(call *Call) {
	for _, a := range call.Command.Arguments {
		for _, name := range a.Names {
			section := map[string]string{"--resource-group": "group", "--location": "location", "--acr": "acr"}[name]
			if section == "" || strings.HasPrefix(call.Command.Path, "group ") && section == "group" {
				continue
			}
			if v := p.settings.Get("defaults", section); v != "" && !call.Given(a.Key()) {
				call.SetDefault(a.Key(), v)
			}
		}
	}
}

func (p *Program) run(ctx context.Context, call *Call, selection *query.Expression) error {
	sets, err := call.Command.spread(call.Values, func(text string) { call.Warn("%s", text) })
	if err != nil {
		return err
	}
	var results []any
	for _, set := range sets {
		one := *call
		one.Values = set
		result, err := call.Command.Run(ctx, &one)
		if err != nil {
			return err
		}
		if verbatim, ok := result.(Verbatim); ok {
			result = verbatim.Document
		} else {
			result = shape.AddResourceGroup(result)
		}
		results = append(results, result)
	}
	var document any = results
	if len(results) == 1 {
		document = results[0]
	}
	return p.print(call, document, selection)
}

// print chooses what the user wants to see of the answer, and prints it. A command
// without an answer prints nothing, also in az.
func (p *Program) print(call *Call, document any, selection *query.Expression) error {
	answer := print.Answer{Document: document}
	if selection != nil {
		selected, err := selection.Search(document)
		if err != nil {
			return err
		}
		answer = print.Answer{Document: selected, Queried: true}
	}
	format := call.Get("output")
	if answer.Document == nil {
		return nil
	}
	if format == "table" && call.Command.Table != nil && selection == nil {
		answer.Document, answer.Transformed = call.Command.Table(answer.Document), true
	}
	return print.Write(p.Out, format, answer, p.Color)
}

func (p *Program) finish(err error) int {
	if err == nil {
		return 0
	}
	return p.fail(err)
}

// fail prints an error and returns its exit status.
func (p *Program) fail(err error) int {
	var usage *grammar.Error
	var status ExitStatus
	switch {
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled):
		p.message("ERROR", "Keyboard interrupt is captured.")
		return exitFailed
	case errors.As(err, &usage):
		p.message("ERROR", usage.Text)
		for _, hint := range usage.Hints {
			fmt.Fprintln(p.Err, hint)
		}
		p.suggest(usage.Command)
		return exitUsage
	}
	var unsigned *azidentity.AuthenticationFailedError
	if errors.As(err, &unsigned) {
		err = login.Explain(err)
	}
	p.message("ERROR", err.Error())
	if azure.NotFound(err) {
		return exitNotFound
	}
	return exitFailed
}

// suggest prints examples of the command that a broken line was about.
func (p *Program) suggest(path string) {
	c := p.command(path)
	if c == nil || len(c.Examples) == 0 {
		return
	}
	fmt.Fprintln(p.Err, "\nExamples:")
	for _, e := range c.Examples[:min(3, len(c.Examples))] {
		fmt.Fprintf(p.Err, "%s\n%s\n\n", strings.ReplaceAll(e.Line, "lanyard ", p.Name+" "), e.Title)
	}
}

// message prints a line for a person, coloured on a terminal. Warnings can be turned
// off.
func (p *Program) message(level, text string) {
	if level != "ERROR" && p.quiet {
		return
	}
	color := map[string]string{"ERROR": "\x1b[91m", "WARNING": "\x1b[93m"}[level]
	if p.Color && IsTerminal(p.Err) && color != "" {
		fmt.Fprintf(p.Err, "%s%s\x1b[0m\n", color, text)
		return
	}
	fmt.Fprintf(p.Err, "%s: %s\n", level, text)
}

// transport is one HTTP client a program; a cloud's own authority is trusted beside
// those of the machine.
func (p *Program) transport(cloud *login.Cloud) (*http.Client, error) {
	if p.Network != nil {
		return &http.Client{Transport: p.Network}, nil
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if cloud.CertificateAuthority != "" {
		pem, err := os.ReadFile(cloud.CertificateAuthority)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate authority of cloud %s: %w", cloud.Name, err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s, the certificate authority of cloud %s, holds no certificate", cloud.CertificateAuthority, cloud.Name)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	if p.verbose {
		return &http.Client{Transport: telling{transport, p}}, nil
	}
	return &http.Client{Transport: transport}, nil
}

// telling tells each request in a line, for --verbose. Queries are left out: addresses
// of other services may carry keys there.
type telling struct {
	http.RoundTripper
	program *Program
}

func (t telling) RoundTrip(r *http.Request) (*http.Response, error) {
	started := time.Now()
	response, err := t.RoundTripper.RoundTrip(r)
	outcome := "no answer"
	if err == nil {
		outcome = response.Status
	}
	t.program.message("INFO", fmt.Sprintf("%s %s://%s%s: %s (%d ms)", r.Method, r.URL.Scheme, r.URL.Host, r.URL.EscapedPath(), outcome, time.Since(started).Milliseconds()))
	return response, err
}

func pythonQuote(s string) string {
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `\'`) + "'"
}
