package containerservice

import (
	"slices"
	"testing"
)

func TestCertainInstancesLeave(t *testing.T) {
	for _, c := range []struct {
		name          string
		numbers       []int
		left, leaving []int
		some          bool
	}{
		{"one of them", []int{1}, []int{0, 4}, []int{3, 1}, true},
		{"some, and one that isn't there", []int{0, 4, 9}, []int{1}, []int{3, 0, 4}, true},
		{"one that leaves already", []int{3}, []int{0, 1, 4}, []int{3}, false},
		{"none", nil, []int{0, 1, 4}, []int{3}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := poolState{Next: 5, Instances: []int{0, 1, 4}, Leaving: []int{3}}
			if some := s.without(c.numbers); some != c.some || !slices.Equal(s.Instances, c.left) || !slices.Equal(s.Leaving, c.leaving) {
				t.Errorf("%v %v %v", some, s.Instances, s.Leaving)
			}
			if more := s.want(len(c.left) + 1); !slices.Contains(more.Instances, 5) {
				t.Errorf("a number is used twice: %v", more.Instances)
			}
		})
	}
}
