package etcdserver

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	caName     = "ca"
	serverName = "etcd" // also the socket's file name: etcd clients expect it in the server's certificate
	rootUser   = "root" // etcd's own name for its administrator

	// maxSocketPath is what sun_path holds, with its ending zero.
	maxSocketPath = 107
)

// paths are where etcd's files are.
type paths struct{ data, run string }

type pair struct{ cert, key string }

func (p paths) member() string { return filepath.Join(p.data, "member") }
func (p paths) pki() string    { return filepath.Join(p.data, "pki") }
func (p paths) log() string    { return filepath.Join(p.data, "etcd.log") }
func (p paths) socket() string { return filepath.Join(p.run, serverName) }
func (p paths) web() string    { return filepath.Join(p.run, "web") }
func (p paths) lock() string   { return filepath.Join(p.run, "etcd.lock") }
func (p paths) crash() string  { return filepath.Join(p.run, "etcd.stderr") }

func (p paths) pair(name string) pair {
	return pair{cert: filepath.Join(p.pki(), name+".crt"), key: filepath.Join(p.pki(), name+".key")}
}

func (p paths) credentials(user string) Credentials {
	files := p.pair(userFile(user))
	return Credentials{
		Endpoints: []string{"unixs://" + p.socket()},
		CAFile:    p.pair(caName).cert, CertFile: files.cert, KeyFile: files.key,
	}
}

func (p paths) make() error {
	for _, dir := range []string{p.data, p.run, p.pki()} {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("%q is not an absolute path: etcd runs in a folder of its own", dir)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if n := len(p.socket()); n > maxSocketPath {
		return fmt.Errorf("the socket's path %s has %d bytes, the system allows %d: choose a shorter run folder", p.socket(), n, maxSocketPath)
	}
	return nil
}
