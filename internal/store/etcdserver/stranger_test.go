package etcdserver_test

import (
	"crypto/tls"
	"testing"

	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

func withoutCertificate(t *testing.T, s *etcdserver.Server) *tls.Config {
	t.Helper()
	config, err := s.Credentials("root").TLS()
	if err != nil {
		t.Fatal(err)
	}
	config.GetClientCertificate = nil
	return config
}
