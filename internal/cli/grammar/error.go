package grammar

// Error is a command line that can't be understood. Its text is what az prints
// after "ERROR: ".
type Error struct {
	Text string
	// Hints are printed below it, a line each.
	Hints []string
	// Command is the command or group that the line was about, for its examples.
	Command string
}

func (e *Error) Error() string { return e.Text }
