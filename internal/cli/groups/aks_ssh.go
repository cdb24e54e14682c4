package groups

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// linuxProfile is the user of the nodes with its public key.
func linuxProfile(c *command.Call) (*value.Object, error) {
	if c.On("no-ssh-key") {
		return nil, nil
	}
	key, err := publicKey(c)
	if err != nil {
		return nil, err
	}
	return value.NewObject("adminUsername", c.Get("admin-username"),
		"ssh", value.NewObject("publicKeys", []any{value.NewObject("keyData", key)})), nil
}

// publicKey is what --ssh-key-value says or names; --generate-ssh-keys makes a missing one.
func publicKey(c *command.Call) (string, error) {
	given := c.Get("ssh-key-value")
	key := given
	if path := absolute(given); !strings.HasPrefix(given, "ssh-") {
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) && c.On("generate-ssh-keys") {
			if data, err = generateKey(path); err == nil {
				c.Warn("SSH key files '%s' and '%s' have been generated under ~/.ssh to allow SSH access to the VM. If using machines without permanent storage like Azure Cloud Shell without an attached file share, back up your keys to a safe location", strings.TrimSuffix(path, ".pub"), path)
			}
		}
		if err == nil {
			key = strings.TrimSpace(string(data))
		} else if !os.IsNotExist(err) {
			return "", err
		}
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key)); err != nil {
		return "", command.Usage("An RSA key file or key value must be supplied to SSH Key Value. You can use --generate-ssh-keys to let CLI generate one for you")
	}
	return key, nil
}

// generateKey writes a new key pair beside path and returns the public half.
func generateKey(path string) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(strings.TrimSuffix(path, ".pub"), private, 0o600); err != nil {
		return nil, err
	}
	data := ssh.MarshalAuthorizedKey(public)
	return data, os.WriteFile(path, data, 0o644) //nolint:gosec // a public key
}
