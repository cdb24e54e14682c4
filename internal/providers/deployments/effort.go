package deployments

import "fmt"

const (
	// maxEffort is how many values one evaluation of a template may make. Loops in
	// loops and variables of variables multiply: without a bound a template of a few
	// lines would take all memory, or years.
	maxEffort = 1_000_000
	// textPerValue is how much text counts as one more value.
	textPerValue = 64
)

// effort is what an evaluation has cost so far.
type effort struct{ spent int }

func (e *effort) spend(values int) error {
	if e.spent += values; e.spent > maxEffort {
		return fmt.Errorf("the template is too large: its loops and variables make more than %d values", maxEffort)
	}
	return nil
}

// renew begins another evaluation.
func (e *effort) renew() { e.spent = 0 }
