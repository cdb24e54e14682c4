package graph

import "net/http"

// listed answers with the page of objects that q asks for.
func listed[T any](r *request, q query, entity, collection string, objects []T, id func(T) string, render func(T) map[string]any) (answer, error) {
	shown, next := cut(objects, id, q)
	base := r.origin + "/v1.0/"
	result := page{Context: base + "$metadata#" + collection, NextLink: q.nextLink(base+collection, next), Value: []map[string]any{}}
	for _, object := range shown {
		document, refused := choose(render(object), q.fields, entity)
		if refused != nil {
			return answer{}, refused
		}
		result.Value = append(result.Value, document)
	}
	return answer{http.StatusOK, result}, nil
}
