package expression

import "fmt"

// function is one whose result follows from its arguments. most < 0: any number.
type function struct {
	least, most int
	run         func(arguments []any) (any, error)
}

// lookup finds a function by its name in lower case.
func lookup(name string) (function, bool) {
	for _, family := range []func(string) (function, bool){textFunction, collectionFunction, numberFunction, conversionFunction, logicFunction} {
		if f, ok := family(name); ok {
			return f, true
		}
	}
	return function{}, false
}

func is(least, most int, run func([]any) (any, error)) (function, bool) {
	return function{least, most, run}, true
}

// onText, onInt and friends adapt functions of typed arguments.
func onText(f func(string) (any, error)) (function, bool) {
	return is(1, 1, func(a []any) (any, error) {
		s, err := want[string](a[0])
		if err != nil {
			return nil, err
		}
		return f(s)
	})
}

func onTexts(f func(a, b string) any) (function, bool) {
	return is(2, 2, func(a []any) (any, error) {
		left, err := want[string](a[0])
		if err != nil {
			return nil, err
		}
		right, err := want[string](a[1])
		if err != nil {
			return nil, err
		}
		return f(left, right), nil
	})
}

func onInts(f func(a, b int64) (any, error)) (function, bool) {
	return is(2, 2, func(a []any) (any, error) {
		left, err := want[int64](a[0])
		if err != nil {
			return nil, err
		}
		right, err := want[int64](a[1])
		if err != nil {
			return nil, err
		}
		return f(left, right)
	})
}

// maxElements bounds what a function may make of little: range(0, 1000000000).
const maxElements = 10000

func bounded(n int64) error {
	if n < 0 || n > maxElements {
		return fmt.Errorf("the count must be between 0 and %d, not %d", maxElements, n)
	}
	return nil
}
