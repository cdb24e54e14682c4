package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// completionPatience is how long a shell waits for names of resources.
const completionPatience = 3 * time.Second

// CompletionCommands are `completion SHELL` and the hidden command that its scripts
// call with the words of the line. values finds the names of resources of a kind.
func CompletionCommands(values func(ctx context.Context, c *Call, kind string) []string) Table {
	return Table{Commands: []*Command{
		{
			Path: "completion", Summary: "Print the completion script of a shell.",
			Arguments: []grammar.Argument{grammar.Arg("shell", "bash, zsh, fish or powershell.").Required().Choices("bash", "zsh", "fish", "powershell")},
			Examples: []Example{
				{Title: "bash", Line: "source <(lanyard completion bash)"},
				{Title: "zsh, after compinit", Line: "source <(lanyard completion zsh)"},
				{Title: "fish", Line: "lanyard completion fish | source"},
				{Title: "PowerShell", Line: "lanyard completion powershell | Out-String | Invoke-Expression"},
			},
			Run: func(_ context.Context, c *Call) (any, error) {
				_, err := io.WriteString(c.Program.Out, strings.ReplaceAll(scripts()[c.Get("shell")], "PROGRAM", c.Program.Name))
				return nil, err
			},
		},
		{Path: "__complete", Summary: "Candidates for the last of the words.", Raw: true, Hidden: true, Run: func(ctx context.Context, c *Call) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, completionPatience)
			defer cancel()
			for _, candidate := range c.candidates(ctx, c.Rest, values) {
				fmt.Fprintln(c.Program.Out, candidate)
			}
			return nil, nil
		}},
	}}
}

// candidates completes the last word.
func (c *Call) candidates(ctx context.Context, words []string, values func(context.Context, *Call, string) []string) []string {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	words = slices.Clone(words)
	for i := range words {
		words[i] = unquoted(words[i])
	}
	last, before := words[len(words)-1], words[:len(words)-1]
	command, path, rest, err := c.Program.tree.Find(c.Program.Name, before)
	if err != nil {
		return nil
	}
	if command == nil {
		return beginning(last, slices.DeleteFunc(slices.Clone(c.Program.tree.Children(path)), func(w string) bool { return strings.HasPrefix(w, "__") }))
	}
	arguments := append(slices.Clone(command.Arguments), grammar.Globals()...)
	if strings.HasPrefix(last, "-") {
		return beginning(last, options(arguments, rest))
	}
	a, ok := expecting(arguments, rest)
	if !ok {
		return beginning(last, options(arguments, rest))
	}
	if len(a.Allowed) > 0 {
		return beginning(last, a.Allowed)
	}
	if a.Complete == "" {
		return nil
	}
	// What stands on the line already narrows the names: a group, a subscription.
	if v, err := grammar.Parse(c.Program.Name, command, before[len(before)-len(rest):]); err == nil {
		c.Values = v
	} else if v, err := grammar.Parse(c.Program.Name, command, before[len(before)-len(rest):max(len(before)-len(rest), len(before)-1)]); err == nil {
		c.Values = v
	}
	return beginning(last, values(ctx, c, a.Complete))
}

// unquoted is a word of a line as the shell will give it to the program: without its quotes,
// of which the last may not be there yet, and backslashes. Shells hand it over as it was typed.
func unquoted(word string) string {
	var b strings.Builder
	quote := rune(0)
	escaped := false
	for _, r := range word {
		switch {
		case escaped:
			escaped = false
			b.WriteRune(r)
		case r == '\\' && quote != '\'':
			escaped = true
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func beginning(prefix string, words []string) []string {
	var all []string
	for _, word := range words {
		if strings.HasPrefix(strings.ToLower(word), strings.ToLower(prefix)) && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// options are the long options that aren't on the line yet.
func options(arguments []grammar.Argument, line []string) []string {
	var all []string
	for _, a := range arguments {
		used := slices.ContainsFunc(a.Names, func(n string) bool { return slices.Contains(line, n) })
		for _, name := range a.Names {
			if strings.HasPrefix(name, "--") && (!used || a.Append) {
				all = append(all, name)
				break
			}
		}
	}
	return all
}

// expecting is the argument that the next word is a value of.
func expecting(arguments []grammar.Argument, line []string) (grammar.Argument, bool) {
	for i := len(line) - 1; i >= 0; i-- {
		if !strings.HasPrefix(line[i], "-") {
			continue
		}
		at := slices.IndexFunc(arguments, func(a grammar.Argument) bool { return slices.Contains(a.Names, line[i]) })
		if at < 0 {
			break
		}
		a := arguments[at]
		given := len(line) - 1 - i
		if a.Kind == grammar.Many || a.Kind == grammar.Any || given == 0 && a.Kind != grammar.Switch {
			return a, true
		}
		break
	}
	for _, a := range arguments {
		if a.Positional() && !strings.HasPrefix(a.Names[0], "-") {
			return a, true
		}
	}
	return grammar.Argument{}, false
}

// scripts are what the shells are told; PROGRAM stands for the program's name. PowerShell before 7.3 gives programs no
// empty words, hence its quotes, which are read as any shell's.
func scripts() map[string]string {
	return map[string]string{
		"bash": `_PROGRAM_complete() {
    local IFS=$'\n' candidate
    COMPREPLY=()
    for candidate in $(PROGRAM __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
        case ${COMP_WORDS[COMP_CWORD]} in
        [\"\']*) COMPREPLY+=("$candidate") ;;
        *) COMPREPLY+=("$(printf %q "$candidate")") ;;
        esac
    done
}
complete -o default -F _PROGRAM_complete PROGRAM
`,
		"zsh": `#compdef PROGRAM
_PROGRAM() {
    local -a candidates
    candidates=("${(@f)$(PROGRAM __complete -- "${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
    [[ -n $candidates ]] && compadd -U -- $candidates
}
compdef _PROGRAM PROGRAM
`,
		"fish": `complete -c PROGRAM -f -a '(PROGRAM __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
		"powershell": `Register-ArgumentCompleter -Native -CommandName PROGRAM -ScriptBlock {
    param($word, $ast, $position)
    $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($word -eq '') { $words += '""' }
    PROGRAM __complete -- @words 2>$null | ForEach-Object {
        $text = if ($_ -match '\s') { "'" + $_.Replace("'", "''") + "'" } else { $_ }
        [System.Management.Automation.CompletionResult]::new($text, $_, 'ParameterValue', $_)
    }
}
`,
	}
}
