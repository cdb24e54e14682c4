package pipeline

import "github.com/lanyard-project/lanyard/internal/providers"

// describe completes the entry with what was called, in which version and by which
// client: what the record is condensed by, and a user's gap is found by.
func (c *call) describe() {
	c.entry.Called, c.entry.APIVersion, c.entry.UserAgent = c.called(), cut(c.version, 64), cut(c.Header.Get("User-Agent"), 256)
}

// called names what the call means, the same for all resources of a type.
func (c *call) called() string {
	m := c.match
	switch {
	case m == nil:
		return c.Method + " " + typeOf(c.Path)
	case m.Result:
		return c.Method + " operation result"
	case m.Operation != "":
		return c.Method + " operation status"
	case m.Method == providers.List:
		return "LIST " + m.Type.FullName()
	case m.Method == providers.Do && m.Action.Name != "":
		return c.Method + " " + m.Type.FullName() + "/" + m.Action.Name
	}
	return c.Method + " " + m.Type.FullName()
}
