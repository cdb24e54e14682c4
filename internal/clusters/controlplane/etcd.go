package controlplane

import (
	"fmt"
	"net/url"
	"path"
	"slices"

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Etcd is how the cluster reaches its part of etcd.
type Etcd struct {
	// Endpoints are unix sockets ("unix:///run/…/etcd.sock", or unixs:// with
	// TLS): the control plane's network has no way to the machine's own.
	Endpoints []string
	// CA, Cert and Key are in PEM; none for an endpoint without TLS.
	CA   []byte
	Cert []byte
	// Key is written to the control plane's disk and nowhere else; none
	// leaves the one that is there.
	Key secret.String `json:"-"`
	// Prefix is where the cluster's keys are; its user needs no others.
	Prefix string
}

const etcdDir = pkiDir + "/etcd"

func (e Etcd) files() map[string][]byte {
	return map[string][]byte{"ca.crt": e.CA, "client.crt": e.Cert, "client.key": []byte(e.Key.Reveal())}
}

func (e Etcd) write(disk machine.Disk) error {
	for name, content := range e.files() {
		if len(content) == 0 {
			continue
		}
		if err := disk.Write(etcdDir+"/"+name, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// args are the flags of kube-apiserver.
func (e Etcd) args() []string {
	args := []string{"--etcd-prefix=" + e.Prefix}
	for _, endpoint := range e.Endpoints {
		args = append(args, "--etcd-servers="+endpoint)
	}
	if len(e.CA) > 0 {
		args = append(args, "--etcd-cafile="+etcdDir+"/ca.crt")
	}
	if len(e.Cert) > 0 {
		args = append(args, "--etcd-certfile="+etcdDir+"/client.crt", "--etcd-keyfile="+etcdDir+"/client.key")
	}
	return args
}

// binds show the folders of the sockets, not the sockets: a restarted etcd
// makes new ones.
func (e Etcd) binds() ([]machine.Bind, error) {
	var binds []machine.Bind
	for _, endpoint := range e.Endpoints {
		u, err := url.Parse(endpoint)
		if err != nil {
			return nil, fmt.Errorf("reading etcd endpoint %q: %w", endpoint, err)
		}
		if (u.Scheme != "unix" && u.Scheme != "unixs") || u.Host != "" || !path.IsAbs(u.Path) {
			return nil, fmt.Errorf("reading etcd endpoint %q: a control plane reaches etcd by a unix socket only (unix:///path or unixs:///path)", endpoint)
		}
		b := machine.Bind{Source: path.Dir(u.Path), Target: path.Dir(u.Path), ReadOnly: true}
		if !slices.Contains(binds, b) {
			binds = append(binds, b)
		}
	}
	return binds, nil
}
