package query

import (
	"encoding/json"
	"strconv"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func logic(node parsing.ASTNode, v any) (any, error) {
	left, err := evaluate(node.Children[0], v)
	if err != nil {
		return nil, err
	}
	switch node.NodeType {
	case parsing.ASTNotExpression:
		return !truth(left), nil
	case parsing.ASTOrExpression:
		if truth(left) {
			return left, nil
		}
		return evaluate(node.Children[1], v)
	case parsing.ASTAndExpression:
		if !truth(left) {
			return left, nil
		}
		return evaluate(node.Children[1], v)
	}
	right, err := evaluate(node.Children[1], v)
	if err != nil {
		return nil, err
	}
	switch node.Value {
	case parsing.TOKEQ:
		return equal(left, right), nil
	case parsing.TOKNE:
		return !equal(left, right), nil
	}
	order, ok := compare(left, right)
	if !ok {
		return nil, nil
	}
	switch node.Value {
	case parsing.TOKLT:
		return order < 0, nil
	case parsing.TOKLTE:
		return order <= 0, nil
	case parsing.TOKGT:
		return order > 0, nil
	default:
		return order >= 0, nil
	}
}

// truth is JMESPath's: false, null and what is empty are false; 0 is true.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case *value.Object:
		return v.Len() > 0
	}
	return true
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && number(a) == number(b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *value.Object:
		b, ok := b.(*value.Object)
		if !ok || a.Len() != b.Len() {
			return false
		}
		for _, key := range a.Keys() {
			other, ok := b.Get(key)
			if mine, _ := a.Get(key); !ok || !equal(mine, other) {
				return false
			}
		}
		return true
	case expression:
		return false
	}
	if _, ok := b.(expression); ok {
		return false
	}
	switch b.(type) {
	case []any, *value.Object:
		return false
	}
	return a == b
}

// compare orders two numbers or two strings; nothing else has an order.
func compare(a, b any) (order int, ok bool) {
	switch a := a.(type) {
	case json.Number:
		if b, ok := b.(json.Number); ok {
			switch x, y := number(a), number(b); {
			case x < y:
				return -1, true
			case x > y:
				return 1, true
			}
			return 0, true
		}
	case string:
		if b, ok := b.(string); ok {
			switch {
			case a < b:
				return -1, true
			case a > b:
				return 1, true
			}
			return 0, true
		}
	}
	return 0, false
}

func number(n json.Number) float64 {
	f, _ := n.Float64() // a decoder has read it
	return f
}

// fromFloat writes a number as Python does: whole numbers without a fraction.
func fromFloat(f float64) json.Number {
	if f == float64(int64(f)) && f < 1e16 && f > -1e16 {
		return value.Int(int64(f))
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}
