package etcdserver

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"regexp"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// userName is what may be an etcd user: it becomes a certificate's name and a file's.
var userName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func userFile(user string) string { return "user-" + user }

// EnsureUser makes the etcd user, which may read and write the keys below the
// prefix (it must end with a slash) and nothing else, and its certificate.
// It can be repeated.
func (s *Server) EnsureUser(ctx context.Context, user, prefix string) (Credentials, error) {
	if !userName.MatchString(user) || user == rootUser {
		return Credentials{}, fmt.Errorf("making etcd user %q: not a name for a user", user)
	}
	if len(prefix) < 3 || prefix[0] != '/' || prefix[len(prefix)-1] != '/' {
		return Credentials{}, fmt.Errorf("making etcd user %s: prefix %q doesn't start and end with a slash", user, prefix)
	}
	if err := s.ensureUser(ctx, user, prefix); err != nil {
		return Credentials{}, fmt.Errorf("making etcd user %s: %w", user, err)
	}
	s.mu.Lock() // also for the files: two writers would leave one's key and the other's certificate
	defer s.mu.Unlock()
	s.users[user] = true
	if err := s.authority.ensure(s.paths.pair(userFile(user)), user, x509.ExtKeyUsageClientAuth); err != nil {
		return Credentials{}, err
	}
	return s.Credentials(user), nil
}

func (s *Server) ensureUser(ctx context.Context, user, prefix string) error {
	if _, err := s.root.RoleAdd(ctx, user); err != nil && !errors.Is(err, rpctypes.ErrRoleAlreadyExist) {
		return err
	}
	end := clientv3.GetPrefixRangeEnd(prefix)
	if _, err := s.root.RoleGrantPermission(ctx, user, prefix, end, clientv3.PermissionType(clientv3.PermReadWrite)); err != nil {
		return err
	}
	if err := s.addUser(ctx, user); err != nil {
		return err
	}
	_, err := s.root.UserGrantRole(ctx, user, user)
	return err
}

// addUser makes a user without a password: only its certificate signs it in.
func (s *Server) addUser(ctx context.Context, user string) error {
	_, err := s.root.UserAddWithOptions(ctx, user, "", &clientv3.UserAddOptions{NoPassword: true})
	if errors.Is(err, rpctypes.ErrUserAlreadyExist) {
		return nil
	}
	return err
}

// DropUser removes the user, its certificate and every key below the prefix. It
// can be repeated.
func (s *Server) DropUser(ctx context.Context, user, prefix string) error {
	if !userName.MatchString(user) || user == rootUser || len(prefix) < 3 {
		return fmt.Errorf("dropping etcd user %q: not a name for a user", user)
	}
	// The user first: a program that still runs as it must not write behind the deletion.
	if _, err := s.root.UserDelete(ctx, user); err != nil && !errors.Is(err, rpctypes.ErrUserNotFound) {
		return fmt.Errorf("dropping etcd user %s: %w", user, err)
	}
	if _, err := s.root.RoleDelete(ctx, user); err != nil && !errors.Is(err, rpctypes.ErrRoleNotFound) {
		return fmt.Errorf("dropping etcd role %s: %w", user, err)
	}
	if _, err := s.root.Delete(ctx, prefix, clientv3.WithPrefix()); err != nil {
		return fmt.Errorf("deleting what etcd user %s wrote: %w", user, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.users, user)
	files := s.paths.pair(userFile(user))
	return errors.Join(removed(files.cert), removed(files.key))
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// enableAuth makes the administrator and turns auth on, so that a certificate
// alone opens nothing: its name has to be a user with a role.
func (s *Server) enableAuth(ctx context.Context) error {
	status, err := s.root.AuthStatus(ctx)
	if err != nil {
		return fmt.Errorf("asking etcd for its auth status: %w", err)
	}
	if status.Enabled {
		return nil
	}
	if _, err := s.root.RoleAdd(ctx, rootUser); err != nil && !errors.Is(err, rpctypes.ErrRoleAlreadyExist) {
		return fmt.Errorf("making etcd's root role: %w", err)
	}
	if err := s.addUser(ctx, rootUser); err != nil {
		return fmt.Errorf("making etcd's root user: %w", err)
	}
	if _, err := s.root.UserGrantRole(ctx, rootUser, rootUser); err != nil {
		return fmt.Errorf("making etcd's root user: %w", err)
	}
	if _, err := s.root.AuthEnable(ctx); err != nil {
		return fmt.Errorf("turning etcd's auth on: %w", err)
	}
	return nil
}
