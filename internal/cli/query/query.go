package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// Expression is a parsed query.
type Expression struct{ root parsing.ASTNode }

// Parse reads an expression.
func Parse(text string) (*Expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the query is empty")
	}
	text, err := quoteLiterals(text)
	if err != nil {
		return nil, err
	}
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	return &Expression{root}, check(root)
}

// parse shields the caller from the library's parser, which reads past the end of
// some broken expressions.
func parse(text string) (root parsing.ASTNode, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the query %q ends too early", text)
		}
	}()
	return parsing.NewParser().Parse(text)
}

// Search evaluates the expression over a document.
func (e *Expression) Search(document any) (any, error) {
	return evaluate(e.root, document)
}

// quoteLiterals turns a bare word in backticks, which JMESPath once allowed and az
// still does, into a JSON string.
func quoteLiterals(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); {
		c := text[i]
		if c != '`' && c != '\'' && c != '"' {
			b.WriteByte(c)
			i++
			continue
		}
		end := closing(text, i)
		if end < 0 {
			return "", fmt.Errorf("the query %q has no closing %c", text, c)
		}
		part := text[i : end+1]
		if c == '`' {
			literal := strings.TrimSpace(strings.ReplaceAll(part[1:len(part)-1], "\\`", "`"))
			if !json.Valid([]byte(literal)) {
				quoted := `"` + literal + `"`
				if !json.Valid([]byte(quoted)) {
					return "", fmt.Errorf("the query %q has a literal that isn't JSON: %s", text, part)
				}
				part = "`" + strings.ReplaceAll(quoted, "`", "\\`") + "`"
			}
		}
		b.WriteString(part)
		i = end + 1
	}
	return b.String(), nil
}

// closing finds the quote that ends the one at start.
func closing(text string, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[start]:
			return i
		}
	}
	return -1
}

// check refuses what az's JMESPath doesn't know, before anything is asked of a
// service.
func check(node parsing.ASTNode) error {
	switch node.NodeType {
	case parsing.ASTEmpty:
		return errors.New("the query is incomplete")
	case parsing.ASTRootNode, parsing.ASTLetExpression, parsing.ASTVariable, parsing.ASTBindings, parsing.ASTBinding,
		parsing.ASTArithmeticExpression, parsing.ASTArithmeticUnaryExpression:
		return errors.New("the query uses syntax that az's JMESPath doesn't have (let, $ or arithmetic)")
	case parsing.ASTFunctionExpression:
		if err := checkCall(node); err != nil {
			return err
		}
	case parsing.ASTSlice:
		if step := node.Value.([]*int)[2]; step != nil && *step == 0 {
			return errors.New("the step of a slice can't be 0")
		}
	}
	for _, child := range node.Children {
		if err := check(child); err != nil {
			return err
		}
	}
	return nil
}

// literal turns what the parser decoded into a document of ours.
func literal(v any) (any, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return value.From(v)
}
