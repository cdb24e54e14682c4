package etcdserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// TestMain lets the test's own binary be the etcd, as the real programs do.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == etcdserver.Command {
		os.Exit(etcdserver.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func options(t *testing.T) etcdserver.Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "etcd") //nolint:usetesting // a socket's path is limited, test names aren't
	if err != nil {
		t.Fatal(err)
	}
	o := etcdserver.Options{
		DataDir: filepath.Join(dir, "data"), RunDir: filepath.Join(dir, "run"),
		Executable: os.Args[0], Log: slog.New(slog.DiscardHandler),
	}
	t.Cleanup(func() {
		if err := etcdserver.StopRunning(context.WithoutCancel(t.Context()), o.DataDir, o.RunDir); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return o
}

func start(t *testing.T, o etcdserver.Options) *etcdserver.Server {
	t.Helper()
	s, err := etcdserver.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, s *etcdserver.Server, user, prefix string) *store.Store {
	t.Helper()
	if _, err := s.EnsureUser(t.Context(), user, prefix); err != nil {
		t.Fatal(err)
	}
	opened, err := s.Store(user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func write(ctx context.Context, s *store.Store, key string) error {
	_, err := s.Txn(ctx, nil, []store.Op{store.Put(key, []byte("v"))})
	return err
}

// pid asks which process the socket's other end is.
func pid(t *testing.T, o etcdserver.Options) int {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(o.RunDir, "etcd"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer *syscall.Ucred
	if err := raw.Control(func(fd uintptr) {
		peer, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil || peer == nil {
		t.Fatal(err)
	}
	return int(peer.Pid)
}

func TestEtcdOutlivesItsStarterAndIsAdopted(t *testing.T) {
	o := options(t)
	first := start(t, o)
	if first.Adopted() {
		t.Error("the first start adopted something")
	}
	if err := write(t.Context(), open(t, first, "lanyard", "/lanyard/"), "/lanyard/a"); err != nil {
		t.Fatal(err)
	}
	before := pid(t, o)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, o)
	if !second.Adopted() || pid(t, o) != before {
		t.Errorf("adopted %v, process %d then %d", second.Adopted(), before, pid(t, o))
	}
	if _, err := open(t, second, "lanyard", "/lanyard/").Get(t.Context(), "/lanyard/a"); err != nil {
		t.Error(err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Its lock is free, so it holds no file any more; its process ID goes a moment later.
	for deadline := time.Now().Add(2 * time.Minute); !errors.Is(syscall.Kill(before, 0), syscall.ESRCH); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("etcd runs after Stop")
		}
	}
}

func TestKilledEtcdComesBackWithItsData(t *testing.T) {
	o := options(t)
	s := start(t, o)
	defer s.Close()
	cloud := open(t, s, "lanyard", "/lanyard/")
	if err := write(t.Context(), cloud, "/lanyard/a"); err != nil {
		t.Fatal(err)
	}
	before := pid(t, o)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		if _, err := cloud.Get(ctx, "/lanyard/a"); err == nil {
			break
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	if pid(t, o) == before {
		t.Error("the process is the killed one")
	}
}

func TestUserReachesOnlyItsPrefix(t *testing.T) {
	o := options(t)
	s := start(t, o)
	defer s.Close()
	cloud := open(t, s, "lanyard", "/lanyard/")
	one := open(t, s, "cluster-one", "/clusters/one/")
	two := open(t, s, "cluster-two", "/clusters/two/")
	if err := write(t.Context(), one, "/clusters/one/registry/x"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		as  *store.Store
		key string
	}{
		"a cluster writes the cloud's":          {one, "/lanyard/resources/x"},
		"a cluster writes another's":            {two, "/clusters/one/registry/x"},
		"a prefix is not a prefix of names":     {one, "/clusters/one2"},
		"the cloud writes a cluster's":          {cloud, "/clusters/one/registry/x"},
		"the folder itself is outside":          {one, "/clusters/one"},
		"a cluster writes a key without folder": {one, "compact_rev_key"},
	} {
		if err := write(t.Context(), c.as, c.key); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.as.Get(t.Context(), c.key); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s (reading): %v", name, err)
		}
	}
	if _, err := one.List(t.Context(), "/", store.ListOptions{}); err == nil {
		t.Error("a cluster lists everything")
	}

	// kube-apiserver needs the version (etcd 3.6 gives it to administrators only).
	credentials := s.Credentials("cluster-one")
	config, err := credentials.TLS()
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: credentials.Endpoints, TLS: config, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if got, err := client.Status(t.Context(), credentials.Endpoints[0]); err != nil || got.Version == "" || got.Header.Revision == 0 {
		t.Errorf("status: %v, %v", got, err)
	}
	if _, err := client.HashKV(t.Context(), credentials.Endpoints[0], 0); err == nil {
		t.Error("a cluster may read the database's hash")
	}

	if err := s.DropUser(t.Context(), "cluster-one", "/clusters/one/"); err != nil {
		t.Fatal(err)
	}
	if err := write(t.Context(), one, "/clusters/one/registry/x"); err == nil {
		t.Error("a dropped user still writes")
	}
	if err := s.DropUser(t.Context(), "cluster-one", "/clusters/one/"); err != nil {
		t.Errorf("dropping twice: %v", err)
	}
	if _, err := s.EnsureUser(t.Context(), "root", "/x/"); err == nil {
		t.Error("root can be made a cluster's user")
	}
	if _, err := s.EnsureUser(t.Context(), "a", "/x"); err == nil {
		t.Error("a prefix without a slash at its end is accepted")
	}
}

func TestStrangerIsRefused(t *testing.T) {
	o := options(t)
	s := start(t, o)
	defer s.Close()
	for name, config := range map[string]store.Config{
		"plain text on the socket": {Endpoints: []string{"unix://" + filepath.Join(o.RunDir, "etcd")}},
		"no certificate":           {Endpoints: s.Credentials("root").Endpoints, TLS: withoutCertificate(t, s)},
	} {
		stranger, err := store.Open(config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if err := stranger.Ready(ctx); err == nil {
			t.Errorf("%s: answered", name)
		}
		cancel()
		_ = stranger.Close()
	}
	for _, path := range []string{o.DataDir, o.RunDir, filepath.Join(o.DataDir, "pki", "ca.key")} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

// A restored database is the whole one: keys, and who may reach which.
func TestSnapshotIsRestored(t *testing.T) {
	o := options(t)
	s := start(t, o)
	if err := write(t.Context(), open(t, s, "lanyard", "/lanyard/"), "/lanyard/needle"); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "snapshot.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := etcdserver.Snapshot(t.Context(), o.DataDir, o.RunDir, file); err != nil {
		t.Fatal(err)
	}
	if err := etcdserver.Restore(o.DataDir, file.Name()); err == nil {
		t.Fatal("a folder with a database was restored into")
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := etcdserver.Snapshot(t.Context(), o.DataDir, o.RunDir, io.Discard); !errors.Is(err, etcdserver.ErrNotRunning) {
		t.Errorf("a snapshot of nothing that runs: %v", err)
	}

	other := options(t)
	if err := os.CopyFS(filepath.Join(other.DataDir, "pki"), os.DirFS(filepath.Join(o.DataDir, "pki"))); err != nil {
		t.Fatal(err)
	}
	if err := etcdserver.Restore(other.DataDir, file.Name()); err != nil {
		t.Fatal(err)
	}
	restored := start(t, other)
	defer restored.Close()
	lanyard, err := restored.Store("lanyard")
	if err != nil {
		t.Fatal(err)
	}
	defer lanyard.Close()
	if item, err := lanyard.Get(t.Context(), "/lanyard/needle"); err != nil || len(item.Value) == 0 {
		t.Errorf("the key is %q, %v", item.Value, err)
	}
	if err := write(t.Context(), lanyard, "/elsewhere/needle"); err == nil {
		t.Error("the user reaches more than its prefix")
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := etcdserver.Restore(filepath.Join(t.TempDir(), "etcd"), file); err == nil {
		t.Error("it was restored")
	}
}

func TestSecondEtcdOnTheFolderRefuses(t *testing.T) {
	o := options(t)
	s := start(t, o)
	defer s.Close()
	out, err := exec.CommandContext(t.Context(), os.Args[0], etcdserver.Command, "--data-dir="+o.DataDir, "--run-dir="+o.RunDir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another etcd is running") {
		t.Errorf("%v: %s", err, out)
	}
}
