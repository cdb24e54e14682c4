package command

import "testing"

func TestWordsAreReadAsTheShellGivesThem(t *testing.T) {
	for typed, want := range map[string]string{
		`plain`: `plain`, `Managed\ Identity\ O`: `Managed Identity O`, `"Managed Identity O`: `Managed Identity O`, `'Managed Identity O`: `Managed Identity O`,
		`"it's`: `it's`, `"a\"b"`: `a"b`, `'a\b'`: `a\b`, `--role="Managed I`: `--role=Managed I`, `ends\`: `ends`, ``: ``, `""`: ``,
	} {
		if got := unquoted(typed); got != want {
			t.Errorf("%s: %q, want %q", typed, got, want)
		}
	}
}
