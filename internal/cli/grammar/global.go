package grammar

// Globals are the arguments that every command takes, anywhere on the line.
func Globals() []Argument {
	return []Argument{
		Flag("--debug", "Tell each request and decision on stderr; never a secret."),
		Flag("--help -h", "Show this help."),
		Flag("--only-show-errors", "No warnings and no progress."),
		Arg("--output -o", "Output format.").Choices("json", "jsonc", "yaml", "yamlc", "table", "tsv", "none").Or("json"),
		Arg("--query", "JMESPath expression that chooses what of the answer is printed."),
		Arg("--subscription", "Name or ID of the subscription.").Completes("subscription"),
		Flag("--verbose", "Tell each request on stderr, in a line, and how long the command took."),
	}
}
