package etcdserver

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Credentials say where etcd is and as whom to sign in: what kube-apiserver takes
// as --etcd-servers, --etcd-cafile, --etcd-certfile and --etcd-keyfile.
type Credentials struct {
	Endpoints []string
	CAFile    string
	CertFile  string
	KeyFile   string
}

// TLS reads the files for a client. The pair is read again at each handshake, so
// that a renewed certificate is used without a restart.
func (c Credentials) TLS() (*tls.Config, error) {
	ca, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading etcd's CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("reading etcd's CA: %s holds no certificate", c.CAFile)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("reading etcd's client certificate: %w", err)
			}
			return &pair, nil
		},
	}, nil
}
