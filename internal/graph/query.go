package graph

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPage = 100
	maxPage     = 999
)

// query is what a list request asks for.
type query struct {
	filter *filter
	fields []string // of $select; none means all
	top    int
	after  string // the last object ID of the page before
	values url.Values
}

// parseQuery reads the query options and refuses those that it doesn't know:
// leaving one out of account would answer another question than the one asked.
func parseQuery(raw string) (query, *Error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, badRequest("The query string can't be read.")
	}
	q := query{top: defaultPage, values: values}
	seen := map[string]bool{}
	for name, given := range values {
		text, option := given[0], option(name)
		if len(given) > 1 || seen[option] {
			return query{}, badRequest("Query option '%s' was specified more than once, but it must be specified at most once.", name)
		}
		seen[option] = true
		var refused *Error
		switch option {
		case "filter":
			q.filter, refused = parseFilter(text)
		case "select":
			q.fields = strings.Split(strings.ReplaceAll(text, " ", ""), ",")
		case "top":
			if q.top, err = strconv.Atoi(text); err != nil || q.top < 1 || q.top > maxPage {
				refused = badRequest("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", text, maxPage)
			}
		case "skiptoken":
			q.after = text
		default:
			refused = unsupported("The query option '%s' is not supported.", name)
		}
		if refused != nil {
			return query{}, refused
		}
	}
	return q, nil
}

// option is a query option's name: Graph takes them in any casing and without the dollar sign.
func option(name string) string { return strings.ToLower(strings.TrimPrefix(name, "$")) }

// page is a list as Graph writes it.
type page struct {
	Context  string           `json:"@odata.context,omitempty"`
	NextLink string           `json:"@odata.nextLink,omitempty"`
	Value    []map[string]any `json:"value"`
}

// cut returns the page of objects that q asks for, by their IDs in order, and the
// token for the next page, "" at the end. A page starts after an ID, so objects
// that come and go meanwhile move no others.
func cut[T any](objects []T, id func(T) string, q query) (shown []T, next string) {
	slices.SortFunc(objects, func(a, b T) int { return strings.Compare(id(a), id(b)) })
	for i, object := range objects {
		if id(object) <= q.after {
			continue
		}
		if len(shown) == q.top {
			return shown, id(objects[i-1])
		}
		shown = append(shown, object)
	}
	return shown, ""
}

func (q query) nextLink(base, token string) string {
	if token == "" {
		return ""
	}
	values := url.Values{}
	for name, given := range q.values {
		if option(name) != "skiptoken" {
			values[name] = given
		}
	}
	values.Set("$skiptoken", token)
	return base + "?" + values.Encode()
}

// choose leaves of a document what $select names.
func choose(document map[string]any, fields []string, entity string) (map[string]any, *Error) {
	if len(fields) == 0 || slices.Contains(fields, "*") {
		return document, nil
	}
	chosen := map[string]any{}
	for _, field := range fields {
		at := ""
		for name := range document {
			if strings.EqualFold(name, field) {
				at = name
			}
		}
		if at == "" {
			return nil, badRequest("Could not find a property named '%s' on type 'microsoft.graph.%s'.", field, entity)
		}
		chosen[at] = document[at]
	}
	return chosen, nil
}
