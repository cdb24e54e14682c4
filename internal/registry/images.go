package registry

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/auth"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/factory"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // where layers are
	"github.com/google/renameio/v2"
	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"

	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
)

const (
	// controller is the name under which the library knows our guard.
	controller = "lanyard"
	// secretFile signs the state of uploads, which clients carry: it outlives us.
	secretFile = "upload.secret"
	// catalogLimit is how many repositories one page can have.
	catalogLimit = 1000
	// openFiles bounds what one registry reads and writes at a time.
	openFiles = 400
)

// library prepares what the distribution library has one of in a process: the name
// of our guard, and its log.
func library(s *Service) {
	// The service comes with the options, so that a second registration, which is
	// refused, makes no difference.
	_ = auth.Register(controller, func(options map[string]any) (auth.AccessController, error) {
		if owner, ok := options["service"].(*Service); ok {
			return guard{owner}, nil
		}
		return nil, errors.New("the guard has no service")
	})
	// It logs each request twice. What it fails at is told to clients, and to our own log.
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.ErrorLevel)
	logrus.AddHook(failures{s})
}

// failures are the library's errors, in our log.
type failures struct{ service *Service }

// Levels implements logrus.Hook.
func (failures) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel}
}

// Fire implements logrus.Hook. Clients' own mistakes are among the errors.
func (f failures) Fire(e *logrus.Entry) error {
	f.service.o.Log.Debug("the registry library reports", "message", e.Message, "error", e.Data["err.detail"], "code", e.Data["err.code"])
	return nil
}

// images returns a registry's images, which it opens at the first request.
func (s *Service) images(r *containerregistry.Registry) (*app, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open, ok := s.open[r.Life]; ok {
		return open, nil
	}
	opened, err := s.openImages(r)
	if err != nil {
		return nil, fmt.Errorf("opening the images of registry %s: %w", r.Name, err)
	}
	s.open[r.Life] = opened
	return opened, nil
}

// openImages makes the library's application. It panics about what it doesn't like.
func (s *Service) openImages(r *containerregistry.Registry) (opened *app, err error) {
	folder := s.folder(r.Life)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	where := configuration.Parameters{"rootdirectory": folder, "maxthreads": openFiles}
	c := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem":  where,
			"delete":      {"enabled": true},
			"redirect":    {"disable": true},
			"maintenance": {"uploadpurging": map[any]any{"enabled": false}}, // Run does it for all registries; nothing is cached that it removes
		},
		Auth:    configuration.Auth{controller: {"service": s}},
		Catalog: configuration.Catalog{MaxEntries: catalogLimit},
	}
	c.HTTP.Host = "https://" + r.LoginServer
	c.HTTP.Secret = s.uploadSecret
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	made := handlers.NewApp(s.ctx, c)
	driver, err := factory.Create(s.ctx, "filesystem", where)
	if err != nil {
		return nil, err
	}
	stored, err := storage.NewRegistry(s.ctx, driver, storage.EnableDelete)
	if err != nil {
		return nil, err
	}
	now := s.o.Clock.Now()
	return &app{handler: made, folder: folder, close: made.Shutdown, driver: driver, stored: stored, used: map[digest.Digest]heard{}, active: map[string]time.Time{}, opened: now, due: now.Add(collectEvery)}, nil
}

func (s *Service) folder(life string) string { return filepath.Join(s.o.Folder, life) }

// uploadSecret reads the secret of the folder, or makes one.
func uploadSecret(folder string) (string, error) {
	path := filepath.Join(folder, secretFile)
	text, err := os.ReadFile(path)
	if err == nil {
		return string(text), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	made := base64.RawURLEncoding.EncodeToString(random)
	return made, renameio.WriteFile(path, []byte(made), 0o600)
}
