package expression

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// conversionFunction are the functions that make values of another type.
func conversionFunction(name string) (function, bool) {
	switch name {
	case "string":
		return is(1, 1, func(a []any) (any, error) { return Text(a[0]), nil })
	case "int":
		return is(1, 1, toInt)
	case "float":
		return is(1, 1, toFloat)
	case "bool":
		return is(1, 1, toBool)
	case "json":
		return onText(func(s string) (any, error) { return Decode([]byte(s)) })
	case "base64":
		return onText(func(s string) (any, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil })
	case "base64tostring", "base64tojson":
		return onText(func(s string) (any, error) {
			raw, err := base64.StdEncoding.DecodeString(s)
			switch {
			case err != nil:
				return nil, fmt.Errorf("the value isn't base64")
			case name == "base64tojson":
				return Decode(raw)
			}
			return string(raw), nil
		})
	}
	return function{}, false
}

func toInt(a []any) (any, error) {
	switch v := a[0].(type) {
	case int64:
		return v, nil
	case float64:
		return int64(v), nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, nil
		}
	}
	return nil, fmt.Errorf("'%s' is no integer", Text(a[0]))
}

func toFloat(a []any) (any, error) {
	switch v := a[0].(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("'%s' is no number", Text(a[0]))
}

func toBool(a []any) (any, error) {
	switch v := a[0].(type) {
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case string:
		switch strings.ToLower(v) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	}
	return nil, fmt.Errorf("'%s' is no boolean", Text(a[0]))
}
