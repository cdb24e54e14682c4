package grammar

import (
	"regexp"
	"slices"
	"strings"
)

// Parse reads the arguments of a command. program and the command's path stand in
// messages as the user typed them.
func Parse(program string, c *Command, line []string) (*Values, error) {
	p := &parser{command: c, title: program + " " + c.Path, values: NewValues(nil)}
	p.arguments = append(slices.Clone(c.Arguments), missing(c.Arguments, Globals())...)
	for _, a := range p.arguments {
		if a.Default != "" {
			p.values.SetDefault(a.Key(), a.Default)
		}
	}
	if err := p.read(line); err != nil {
		return nil, err
	}
	if err := p.positionals(); err != nil {
		return nil, err
	}
	if len(p.extra) > 0 && !p.values.On("help") {
		return nil, p.fail("unrecognized arguments: " + strings.Join(p.extra, " "))
	}
	return p.values, nil
}

// Require reports the required arguments that have no value, once defaults from
// elsewhere are in.
func Require(c *Command, v *Values) error {
	var names []string
	for _, a := range c.Arguments {
		if a.Must && !v.Given(a.Key()) && v.Get(a.Key()) == "" {
			names = append(names, a.Title())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &Error{Text: "the following arguments are required: " + strings.Join(names, ", "), Command: c.Path}
}

// missing are the globals that the command doesn't define itself.
func missing(own, globals []Argument) []Argument {
	return slices.DeleteFunc(globals, func(g Argument) bool {
		return slices.ContainsFunc(own, func(a Argument) bool { return a.Names[0] == g.Names[0] })
	})
}

type parser struct {
	command   *Command
	title     string
	arguments []Argument
	values    *Values
	loose     []string // words that belong to no option
	extra     []string // what nobody wants
}

func (p *parser) fail(text string, hints ...string) *Error {
	return &Error{Text: text, Hints: hints, Command: p.command.Path}
}

func (p *parser) read(line []string) error {
	for i := 0; i < len(line); i++ {
		word := line[i]
		if word == "--" {
			p.loose = append(p.loose, line[i+1:]...)
			return nil
		}
		matches, inline, hasInline := p.match(word)
		switch {
		case !p.looksLikeOption(word, matches):
			p.loose = append(p.loose, word)
		case len(matches) == 0:
			p.extra = append(p.extra, word)
		case len(matches) > 1:
			return p.fail("ambiguous option: " + word + " could match " + strings.Join(matches, ", "))
		default:
			a, _ := exact(p.arguments, matches[0])
			used, err := p.take(a, inline, hasInline, line[i+1:])
			if err != nil {
				return err
			}
			i += used
		}
	}
	return nil
}

var negativeNumber = regexp.MustCompile(`^-\d+$|^-\d*\.\d+$`)

func (p *parser) looksLikeOption(word string, matches []string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	if len(matches) > 0 {
		return true
	}
	return !negativeNumber.MatchString(word) && !strings.Contains(word, " ")
}

// match finds the options that a word may mean, and the value within it.
func (p *parser) match(word string) (options []string, inline string, hasInline bool) {
	if len(word) < 2 || word[0] != '-' {
		return nil, "", false
	}
	if _, ok := exact(p.arguments, word); ok {
		return []string{word}, "", false
	}
	name, v, hasValue := strings.Cut(word, "=")
	if hasValue {
		if _, ok := exact(p.arguments, name); ok {
			return []string{name}, v, true
		}
	}
	if !strings.HasPrefix(word, "--") {
		if _, ok := exact(p.arguments, word[:2]); ok {
			return []string{word[:2]}, word[2:], true
		}
		return nil, "", false
	}
	for _, a := range p.arguments {
		for _, option := range a.Names {
			if strings.HasPrefix(option, name) {
				options = append(options, option)
			}
		}
	}
	return options, v, hasValue
}

// take gives an option its values and returns how many words of the line they are.
func (p *parser) take(a Argument, inline string, hasInline bool, line []string) (int, error) {
	var words []string
	if hasInline {
		if a.Kind == Switch {
			return 0, p.fail("argument " + a.Title() + ": ignored explicit argument '" + inline + "'")
		}
		words = []string{inline}
	} else {
		limit := map[Kind]int{One: 1, Optional: 1, Switch: 0}
		n, bounded := limit[a.Kind]
		for len(words) < len(line) && (!bounded || len(words) < n) {
			word := line[len(words)]
			if matches, _, _ := p.match(word); word == "--" || p.looksLikeOption(word, matches) {
				break
			}
			words = append(words, word)
		}
		if a.Kind == One && len(words) == 0 {
			return 0, p.fail("argument " + a.Title() + ": expected one argument")
		}
		if a.Kind == Many && len(words) == 0 {
			return 0, p.fail("argument " + a.Title() + ": expected at least one argument")
		}
	}
	if err := p.store(a, words); err != nil {
		return 0, err
	}
	if hasInline {
		return 0, nil
	}
	return len(words), nil
}

func (p *parser) store(a Argument, words []string) error {
	for i, word := range words {
		chosen, err := p.choose(a, word)
		if err != nil {
			return err
		}
		words[i] = chosen
	}
	if a.Append {
		words = append(p.values.List(a.Key()), words...)
	}
	p.values.Set(a.Key(), words...)
	return nil
}

// choose checks a value against the allowed ones and returns it as they spell it.
func (p *parser) choose(a Argument, word string) (string, error) {
	if len(a.Allowed) == 0 {
		return word, nil
	}
	for _, allowed := range a.Allowed {
		if strings.EqualFold(allowed, word) {
			return allowed, nil
		}
	}
	text := p.title + ": '" + word + "' is not a valid value for '" + a.Names[0] + "'. Allowed values: " + strings.Join(a.Allowed, ", ") + "."
	if near := Nearest(word, a.Allowed); near != "" {
		return "", p.fail(text, "Did you mean '"+near+"' ?")
	}
	return "", p.fail(text)
}

// positionals gives the loose words to the arguments without options.
func (p *parser) positionals() error {
	words := p.loose
	for _, a := range p.arguments {
		if !a.Positional() {
			continue
		}
		n := min(1, len(words))
		if a.Kind == Many || a.Kind == Any {
			n = len(words)
		}
		if n == 0 {
			continue
		}
		if err := p.store(a, words[:n:n]); err != nil {
			return err
		}
		words = words[n:]
	}
	// az names them in the order of the line; loose words come first here.
	p.extra = append(p.extra, words...)
	return nil
}
