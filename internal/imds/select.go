package imds

import (
	"encoding/json"
	"net/http"
	"sort"
	"strconv"
	"strings"
)

// Select walks an instance document down the segments of a request and renders what it finds.
// A leaf needs format=text; in text, an object or array lists its members, one a line, subtrees with a slash.
func Select(document Instance, request Request) (body []byte, contentType string, e *Error) {
	encoded, err := json.Marshal(document)
	if err != nil { // strings always encode
		panic(err)
	}
	var node any
	if err := json.Unmarshal(encoded, &node); err != nil {
		panic(err)
	}
	for _, segment := range request.Below {
		var ok bool
		if node, ok = child(node, segment); !ok {
			return nil, "", &Error{
				Status: http.StatusNotFound, Code: "not_found", Description: "The requested resource is not found",
			}
		}
	}
	if request.Format == "text" {
		return []byte(text(node)), "text/plain; charset=utf-8", nil
	}
	if _, leaf := node.(string); leaf {
		return nil, "", &Error{
			Status:         http.StatusBadRequest,
			Description:    "Bad request. The requested value is a leaf: specify format=text",
			NewestVersions: newest(),
		}
	}
	body, err = json.Marshal(node)
	if err != nil {
		panic(err)
	}
	return body, ContentTypeJSON, nil
}

func child(node any, segment string) (any, bool) {
	switch node := node.(type) {
	case map[string]any:
		for name, value := range node {
			if strings.EqualFold(name, segment) {
				return value, true
			}
		}
	case []any:
		i, err := strconv.Atoi(segment)
		if err == nil && i >= 0 && i < len(node) {
			return node[i], true
		}
	}
	return nil, false
}

func text(node any) string {
	var lines []string
	switch node := node.(type) {
	case string:
		return node
	case map[string]any:
		for name, value := range node {
			if _, leaf := value.(string); !leaf {
				name += "/"
			}
			lines = append(lines, name)
		}
		sort.Strings(lines)
	case []any:
		for i := range node {
			lines = append(lines, strconv.Itoa(i)+"/")
		}
	}
	return strings.Join(lines, "\n")
}
