package query

import (
	"fmt"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// expression is what &expr gives to a function.
type expression struct{ node parsing.ASTNode }

func evaluate(node parsing.ASTNode, v any) (any, error) {
	switch node.NodeType {
	case parsing.ASTIdentity, parsing.ASTCurrentNode:
		return v, nil
	case parsing.ASTField:
		return field(v, node.Value.(string)), nil
	case parsing.ASTLiteral:
		return literal(node.Value)
	case parsing.ASTIndex:
		return index(v, node.Value.(int)), nil
	case parsing.ASTSlice:
		return slice(v, node.Value.([]*int)), nil
	case parsing.ASTSubexpression, parsing.ASTIndexExpression, parsing.ASTPipe:
		left, err := evaluate(node.Children[0], v)
		if err != nil {
			return nil, err
		}
		return evaluate(node.Children[1], left)
	case parsing.ASTExpRef:
		return expression{node.Children[0]}, nil
	case parsing.ASTFunctionExpression:
		return call(node, v)
	case parsing.ASTOrExpression, parsing.ASTAndExpression, parsing.ASTNotExpression, parsing.ASTComparator:
		return logic(node, v)
	case parsing.ASTMultiSelectList, parsing.ASTMultiSelectHash:
		return multiSelect(node, v)
	case parsing.ASTProjection, parsing.ASTValueProjection, parsing.ASTFilterProjection, parsing.ASTFlatten:
		return projection(node, v)
	}
	return nil, fmt.Errorf("the query has a part that can't be evaluated (%s)", node.NodeType)
}

func field(v any, name string) any {
	if object, ok := v.(*value.Object); ok {
		got, _ := object.Get(name)
		return got
	}
	return nil
}

func index(v any, i int) any {
	list, ok := v.([]any)
	if i < 0 {
		i += len(list)
	}
	if !ok || i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}

// slice follows Python's rules for start, stop and step.
func slice(v any, parts []*int) any {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	step := 1
	if parts[2] != nil {
		step = *parts[2]
	}
	low, high := 0, len(list) // the range of start and stop
	if step < 0 {
		low, high = -1, len(list)-1
	}
	bound := func(part *int, absent int) int {
		if part == nil {
			return absent
		}
		i := *part
		if i < 0 {
			i += len(list)
		}
		return min(max(i, low), high)
	}
	start, stop := bound(parts[0], low), bound(parts[1], high)
	if step < 0 {
		start, stop = bound(parts[0], high), bound(parts[1], low)
	}
	result := []any{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		result = append(result, list[i])
	}
	return result
}

func multiSelect(node parsing.ASTNode, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if node.NodeType == parsing.ASTMultiSelectList {
		list := make([]any, len(node.Children))
		for i, child := range node.Children {
			got, err := evaluate(child, v)
			if err != nil {
				return nil, err
			}
			list[i] = got
		}
		return list, nil
	}
	object := value.NewObject()
	object.Selected = true
	for _, child := range node.Children {
		got, err := evaluate(child.Children[0], v)
		if err != nil {
			return nil, err
		}
		object.Set(child.Value.(string), got)
	}
	return object, nil
}

// projection applies the right side to each element of the left one and leaves
// nulls out.
func projection(node parsing.ASTNode, v any) (any, error) {
	left, err := evaluate(node.Children[0], v)
	if err != nil {
		return nil, err
	}
	var elements []any
	switch node.NodeType {
	case parsing.ASTFlatten:
		return flatten(left), nil
	case parsing.ASTValueProjection:
		object, ok := left.(*value.Object)
		if !ok {
			return nil, nil
		}
		for _, key := range object.Keys() {
			elements = append(elements, field(object, key))
		}
	default:
		list, ok := left.([]any)
		if !ok {
			return nil, nil
		}
		elements = list
	}
	result := []any{}
	for _, element := range elements {
		if node.NodeType == parsing.ASTFilterProjection {
			keep, err := evaluate(node.Children[2], element)
			if err != nil {
				return nil, err
			}
			if !truth(keep) {
				continue
			}
		}
		got, err := evaluate(node.Children[1], element)
		if err != nil {
			return nil, err
		}
		if got != nil {
			result = append(result, got)
		}
	}
	return result, nil
}

func flatten(v any) any {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	result := []any{}
	for _, element := range list {
		if inner, ok := element.([]any); ok {
			result = append(result, inner...)
			continue
		}
		result = append(result, element)
	}
	return result
}
