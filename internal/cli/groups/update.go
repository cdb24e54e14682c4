package groups

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// genericUpdate are the arguments with which any property can be changed.
func genericUpdate() []argument {
	return []argument{
		list("--set", "Set a property: path=value.").Appends(),
		list("--add", "Add to a list: path value, or path key=value.").Appends(),
		list("--remove", "Remove a property, or an element of a list: path [index].").Appends(),
		flag("--force-string", "Don't read values as JSON."),
	}
}

// applyGeneric carries out --set, --add and --remove on a document.
func applyGeneric(c *command.Call, o *value.Object) error {
	for _, expression := range c.List("set") {
		path, text, ok := strings.Cut(expression, "=")
		if !ok || path == "" {
			return command.Usage("usage error: Empty key in --set. Correct syntax: --set KEY=VALUE [KEY=VALUE ...]")
		}
		var v any = text
		if !strings.HasPrefix(path, "tags.") { // tags are text, also those that look like numbers
			v = parseValue(c, text)
		}
		if err := setPath(o, path, v); err != nil {
			return err
		}
	}
	if words := c.List("add"); len(words) > 0 {
		if err := addPath(c, o, words); err != nil {
			return err
		}
	}
	if words := c.List("remove"); len(words) > 0 {
		return removePath(o, words)
	}
	return nil
}

func parseValue(c *command.Call, text string) any {
	if c.On("force-string") {
		return text
	}
	if v, err := value.Decode([]byte(text)); err == nil {
		return v
	}
	return text
}

var step = regexp.MustCompile(`^([^\[\]]*)(?:\[(\d+)\])?$`)

// steps splits "properties.list[0].name" into keys and indexes.
func steps(path string) ([]any, error) {
	var all []any
	for part := range strings.SplitSeq(path, ".") {
		m := step.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("the path %q can't be followed at %q", path, part)
		}
		if m[1] != "" {
			all = append(all, m[1])
		}
		if m[2] != "" {
			i, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, err
			}
			all = append(all, i)
		}
	}
	return all, nil
}

// follow walks to the parent of a path's end and makes missing objects on the way.
func follow(o *value.Object, path string) (parent any, last any, err error) {
	all, err := steps(path)
	if err != nil || len(all) == 0 {
		return nil, nil, fmt.Errorf("the path %q names nothing", path)
	}
	var at any = o
	for _, s := range all[:len(all)-1] {
		switch s := s.(type) {
		case string:
			object, ok := at.(*value.Object)
			if !ok {
				return nil, nil, fmt.Errorf("Couldn't find '%s' in '%s'", s, path) //nolint:staticcheck // az's text
			}
			next, _ := object.Get(s)
			if next == nil {
				next = object.Ensure(s)
			}
			at = next
		case int:
			elements, ok := at.([]any)
			if !ok || s >= len(elements) {
				return nil, nil, fmt.Errorf("index %d doesn't exist on %s", s, path)
			}
			at = elements[s]
		}
	}
	return at, all[len(all)-1], nil
}

func setPath(o *value.Object, path string, v any) error {
	parent, last, err := follow(o, path)
	if err != nil {
		return err
	}
	switch last := last.(type) {
	case string:
		if object, ok := parent.(*value.Object); ok {
			object.Set(last, v)
			return nil
		}
	case int:
		if elements, ok := parent.([]any); ok && last < len(elements) {
			elements[last] = v
			return nil
		}
		return fmt.Errorf("index %d doesn't exist on %s", last, path)
	}
	return fmt.Errorf("Couldn't find '%v' in '%s'", last, path) //nolint:staticcheck // az's text
}

func getPath(o *value.Object, path string) any {
	parent, last, err := follow(o, path)
	if err != nil {
		return nil
	}
	switch last := last.(type) {
	case string:
		if object, ok := parent.(*value.Object); ok {
			return object.At(last)
		}
	case int:
		if elements, ok := parent.([]any); ok && last < len(elements) {
			return elements[last]
		}
	}
	return nil
}

func addPath(c *command.Call, o *value.Object, words []string) error {
	elements, ok := getPath(o, words[0]).([]any)
	if !ok && getPath(o, words[0]) != nil {
		return command.Usage("usage error: --add <object> <property> <key=value, string or JSON string>")
	}
	var entry *value.Object
	for _, word := range words[1:] {
		if key, v, isPair := strings.Cut(word, "="); isPair {
			if entry == nil {
				entry = value.NewObject()
				elements = append(elements, entry)
			}
			entry.Set(key, v)
			continue
		}
		entry = nil
		elements = append(elements, parseValue(c, word))
	}
	return setPath(o, words[0], elements)
}

func removePath(o *value.Object, words []string) error {
	if len(words) > 1 {
		elements, ok := getPath(o, words[0]).([]any)
		i, err := strconv.Atoi(words[1])
		if !ok || err != nil || i < 0 || i >= len(elements) {
			return fmt.Errorf("index %s doesn't exist on %s", words[1], words[0])
		}
		return setPath(o, words[0], append(elements[:i:i], elements[i+1:]...))
	}
	parent, last, err := follow(o, words[0])
	if err != nil {
		return err
	}
	if object, ok := parent.(*value.Object); ok {
		object.Delete(fmt.Sprint(last))
	}
	return nil
}
