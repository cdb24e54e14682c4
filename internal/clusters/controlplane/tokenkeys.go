package controlplane

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/clusters/pki"
)

const (
	tokenKey = "sa.key"
	// A former key is kept by its public half, sa-<generation>.pub.
	formerPrefix, formerSuffix = "sa-", ".pub"
	// tokenKeyGrace is how long tokens of a former key stay good: as long as the
	// longest that is issued.
	tokenKeyGrace = 24 * time.Hour
)

// CertificateDir is the host's folder of a control plane's keys and certificates.
func CertificateDir(disk machine.Disk) string { return disk.Path(pkiDir) }

// IsTokenKey reports whether a file in that folder is about service account tokens.
func IsTokenKey(name string) bool { return name == tokenKey || isFormer(name) }

func isFormer(name string) bool {
	return strings.HasPrefix(name, formerPrefix) && strings.HasSuffix(name, formerSuffix)
}

// RotateTokenKey makes another key for service account tokens and keeps the
// public half of the one that was. Repeating it for a generation makes yet
// another key, but keeps the one that was before the first attempt.
func RotateTokenKey(s Settings, generation string) error {
	dir := CertificateDir(s.Disk)
	former := filepath.Join(dir, formerPrefix+generation+formerSuffix)
	if _, err := os.Stat(former); errors.Is(err, fs.ErrNotExist) {
		public, err := pki.EnsureSigningKey(filepath.Join(dir, tokenKey))
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return fmt.Errorf("encoding token key: %w", err)
		}
		if err := renameio.WriteFile(former, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
			return fmt.Errorf("keeping the former token key: %w", err)
		}
	}
	if err := os.Remove(filepath.Join(dir, tokenKey)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing the token key: %w", err)
	}
	_, err := pki.EnsureSigningKey(filepath.Join(dir, tokenKey))
	return err
}

// formerTokenKeys are the files of former keys, as the API server sees them.
func (cp *ControlPlane) formerTokenKeys() ([]string, error) {
	entries, err := os.ReadDir(CertificateDir(cp.settings.Disk))
	if err != nil {
		return nil, fmt.Errorf("looking for former token keys: %w", err)
	}
	var files []string
	for _, entry := range entries {
		if isFormer(entry.Name()) {
			files = append(files, pkiDir+"/"+entry.Name())
		}
	}
	return files, nil
}

// RetiredTokenKey reports whether there is a former key whose tokens have all
// expired.
func RetiredTokenKey(s Settings, now time.Time) bool { return len(retired(s, now)) > 0 }

func retired(s Settings, now time.Time) []string {
	dir := CertificateDir(s.Disk)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var files []string
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && isFormer(entry.Name()) && now.Sub(info.ModTime()) > tokenKeyGrace {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	return files
}

func dropRetired(s Settings, now time.Time) error {
	for _, file := range retired(s, now) {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("dropping a former token key: %w", err)
		}
	}
	return nil
}
