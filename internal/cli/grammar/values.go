package grammar

// Values are the arguments of one line.
type Values struct {
	given    map[string][]string
	defaults map[string]string
}

// NewValues makes values of a map, for the place of a parsed line.
func NewValues(given map[string][]string) *Values {
	if given == nil {
		given = map[string][]string{}
	}
	return &Values{given: given, defaults: map[string]string{}}
}

// Given reports whether the argument was on the line.
func (v *Values) Given(key string) bool { _, ok := v.given[key]; return ok }

// Get returns the value of an argument, its default, or "".
func (v *Values) Get(key string) string {
	if list, ok := v.given[key]; ok {
		if len(list) == 0 {
			return ""
		}
		return list[len(list)-1]
	}
	return v.defaults[key]
}

// List returns all values of an argument.
func (v *Values) List(key string) []string { return v.given[key] }

// On reports whether a flag was given.
func (v *Values) On(key string) bool { return v.Given(key) }

// Set puts a value in the place of what the line said.
func (v *Values) Set(key string, values ...string) { v.given[key] = values }

// SetDefault gives a value to an argument that isn't on the line.
func (v *Values) SetDefault(key, value string) { v.defaults[key] = value }

// Copy makes an independent copy.
func (v *Values) Copy() *Values {
	c := NewValues(nil)
	for k, list := range v.given {
		c.given[k] = append([]string(nil), list...)
	}
	for k, d := range v.defaults {
		c.defaults[k] = d
	}
	return c
}
