package query

import "slices"

func mapOver(a []any) (any, error) {
	result := []any{}
	for _, element := range a[1].([]any) {
		got, err := evaluate(a[0].(expression).node, element)
		if err != nil {
			return nil, err
		}
		result = append(result, got)
	}
	return result, nil
}

// extreme is the greatest element for sign 1 and the least one for -1.
func extreme(list []any, sign int) any {
	var best any
	for i, v := range list {
		if order, _ := compare(v, best); i == 0 || order*sign > 0 {
			best = v
		}
	}
	return best
}

func sorted(a []any) (any, error) {
	list := slices.Clone(a[0].([]any))
	slices.SortStableFunc(list, func(x, y any) int {
		order, _ := compare(x, y)
		return order
	})
	return list, nil
}

// keyed is an element with what the expression made of it.
type keyed struct{ key, element any }

func keys(list []any, by expression, name string) ([]keyed, error) {
	result := make([]keyed, len(list))
	want := "number string"
	for i, element := range list {
		key, err := evaluate(by.node, element)
		if err != nil {
			return nil, err
		}
		if !allowed(want, key) {
			return nil, typeError(name, key, want)
		}
		want = typeName(key) // all keys are of the first one's type
		result[i] = keyed{key, element}
	}
	return result, nil
}

func sortBy(a []any) (any, error) {
	list, err := keys(a[0].([]any), a[1].(expression), "sort_by")
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(x, y keyed) int {
		order, _ := compare(x.key, y.key)
		return order
	})
	result := make([]any, len(list))
	for i, k := range list {
		result[i] = k.element
	}
	return result, nil
}

func extremeBy(a []any, name string, sign int) (any, error) {
	list, err := keys(a[0].([]any), a[1].(expression), name)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	best := list[0]
	for _, k := range list[1:] {
		if order, _ := compare(k.key, best.key); order*sign > 0 {
			best = k
		}
	}
	return best.element, nil
}
