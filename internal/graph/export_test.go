package graph

import (
	"maps"
	"slices"
)

// Patterns are all routes.
func Patterns(s *Service) []string { return slices.Sorted(maps.Keys(s.routes())) }
