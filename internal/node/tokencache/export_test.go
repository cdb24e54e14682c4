package tokencache

// Shelves gives the number of identities that anything is kept of.
func Shelves(c *Cache) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.shelves)
}
