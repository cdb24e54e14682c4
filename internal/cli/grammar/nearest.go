package grammar

// Nearest returns the candidate that is most like a word, or "" when none is like
// it. Likeness is Ratcliff and Obershelp's, with az's threshold of 0.7.
func Nearest(word string, candidates []string) string {
	best, found := 0.7, ""
	for _, candidate := range candidates {
		if ratio := likeness(word, candidate); ratio > best || ratio == best && found == "" {
			best, found = ratio, candidate
		}
	}
	return found
}

func likeness(a, b string) float64 {
	if len(a)+len(b) == 0 {
		return 1
	}
	return 2 * float64(matching(a, b)) / float64(len(a)+len(b))
}

// matching counts the letters of the longest common piece, and of those left and
// right of it.
func matching(a, b string) int {
	size, atA, atB := 0, 0, 0
	for i := range len(a) {
		for j := range len(b) {
			n := 0
			for i+n < len(a) && j+n < len(b) && a[i+n] == b[j+n] {
				n++
			}
			if n > size {
				size, atA, atB = n, i, j
			}
		}
	}
	if size == 0 {
		return 0
	}
	return size + matching(a[:atA], b[:atB]) + matching(a[atA+size:], b[atB+size:])
}
