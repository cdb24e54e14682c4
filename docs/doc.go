// Package docs has no code: its tests hold the pages to the code. What a page says is proven has to be there, and where a page points
// to has to exist.
package docs
