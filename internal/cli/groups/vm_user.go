package groups

import (
	"strings"
	"unicode"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// Ways to sign in to a machine.
const (
	byAll      = "all"
	byKey      = "ssh"
	byPassword = "password"
)

// machineUser is who may sign in to a new machine: with a key, unless there is a password.
func machineUser(c *command.Call, windows bool) (*value.Object, error) {
	user, password := c.Get("admin-username"), c.Get("admin-password")
	host := c.Get("computer-name")
	if host == "" {
		host = c.Get("name")
	}
	profile := value.NewObject("computerName", host, "adminUsername", user)
	way := c.Get("authentication-type")
	switch {
	case way != "":
	case c.Given("ssh-key-value") && password != "":
		way = byAll
	case windows || password != "":
		way = byPassword
	default:
		way = byKey
	}
	switch {
	case windows && way == byKey:
		return nil, command.Usage("SSH not supported for Windows VMs.")
	case windows && way == byAll:
		return nil, command.Usage("SSH not supported for Windows VMs. Use password authentication.")
	case way == byPassword && c.Given("ssh-key-value"):
		return nil, command.Usage("SSH key cannot be used with password authentication type.")
	case way == byKey && password != "":
		return nil, command.Usage("Admin password cannot be used with SSH authentication type.")
	}
	if way != byKey {
		if err := checkPassword(password, windows); err != nil {
			return nil, err
		}
		profile.Set("adminPassword", password)
	}
	if way != byPassword {
		key, err := publicKey(c)
		if err != nil {
			return nil, err
		}
		profile.Set("linuxConfiguration", value.NewObject("disablePasswordAuthentication", way == byKey, "ssh", value.NewObject("publicKeys",
			[]any{value.NewObject("path", "/home/"+user+"/.ssh/authorized_keys", "keyData", key)})))
	}
	return profile, nil
}

// checkPassword holds Azure's rule, so that a bad password costs no network and no address.
func checkPassword(password string, windows bool) error {
	if password == "" {
		return command.Usage("Please specify password in non-interactive mode.")
	}
	longest := 72
	if windows {
		longest = 123
	}
	kinds := 0
	for _, is := range []func(rune) bool{
		func(r rune) bool { return 'a' <= r && r <= 'z' }, func(r rune) bool { return 'A' <= r && r <= 'Z' }, unicode.IsDigit,
		func(r rune) bool { return strings.ContainsRune(" `~!@#$%^&*()=+_[]{}|;:./'\",<>?", r) },
	} {
		if strings.ContainsFunc(password, is) {
			kinds++
		}
	}
	if length := len([]rune(password)); length < 12 || length > longest || kinds < 3 {
		return command.Usage("The password length must be between 12 and %d. Password must have the 3 of the following: 1 lower case character, 1 upper case character, 1 number and 1 special character.", longest)
	}
	return nil
}
