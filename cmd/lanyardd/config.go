package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/providers/registration"
	"github.com/lanyard-project/lanyard/internal/traffic"
)

// config is what flags say.
type config struct {
	dataDir, runDir, kubeDir string
	listen, origin           string
	allowRemote              bool
	adminCredentialFile      string
	nodeImages               []string
	pauseImage               string
	dnsImage                 string
	otherKubeDirs            []string
	cloudProvider            string
	aks                      aksRules
	clusters                 string
	connectable              []string
	simulator                string
	tlsNames                 []string
	clock                    string
	registrationTakes        time.Duration
	trustedIssuers           []string
	issuerCAFile             string
	rolePropagation          time.Duration
	roleFiles                []string
	hourlyLimits             string
	etcd                     external
	tenancy                  tenancy
	dnsListen                string
	metricsListen            string
	registrySuffix           string
	credentialProvider       string
	publicPorts              string
}

func (c *config) folders(flags *pflag.FlagSet) {
	flags.StringVar(&c.dataDir, "data-dir", "/var/lib/lanyard", "folder for all state; made with mode 0700")
	flags.StringVar(&c.runDir, "run-dir", "/run/lanyard", "folder for sockets and namespaces, with a short path that is unique on the machine")
	flags.StringVar(&c.kubeDir, "kube-dir", "/usr/libexec/lanyard", "folder of the Kubernetes programs")
}

func (c *config) service(flags *pflag.FlagSet) {
	flags.StringVar(&c.clusters, "clusters", clustersLocal, "local (clusters run on this machine, which needs root and Linux), attach (those that run elsewhere are connected, on Linux) or none")
	flags.StringArrayVar(&c.connectable, "connectable", nil, "API server, as host or host:port, of a cluster run elsewhere that may be connected by its kubeconfig; \"*\" is any (repeatable)")
	flags.StringVar(&c.simulator, "simulator", "", "program that simulates nodes, KWOK (make tools/kwok), for node pools with the tag lanyard-simulated=true; empty: none")
	flags.StringArrayVar(&c.tlsNames, "tls-name", nil, "further host name or address by which clients know this service, for its certificate (repeatable)")
	flags.StringVar(&c.clock, "clock", clockReal, "real, or movable: administrators can move it forward by POST /lanyard/clock, and tokens, secrets and certificates follow")
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8443", "address of ARM and the token service")
	flags.BoolVar(&c.allowRemote, "allow-remote", false, "allow a --listen address that other machines reach")
	flags.StringVar(&c.origin, "origin", "https://localhost:8443", "URL by which clients know this service; also the issuer of tokens")
	flags.StringVar(&c.adminCredentialFile, "admin-credential-file", "", "file for the first administrator's credential, made at the first start; empty prints it once")
	flags.StringArrayVar(&c.nodeImages, "node-image", nil, "image archive that every node imports (repeatable)")
	flags.StringArrayVar(&c.trustedIssuers, "trusted-issuer", nil, "host or host:port of a token issuer, for federated credentials, that may have a private address (repeatable)")
	flags.StringVar(&c.issuerCAFile, "issuer-ca-file", "", "certificates (PEM) to believe token issuers by, beside the system's")
	flags.StringVar(&c.cloudProvider, "cloud-provider", "", "program of the clusters' cloud controller managers; empty: cloud-provider beside this program, none: none")
	flags.StringVar(&c.dnsImage, "dns-image", "", "name of the image, one of --node-image, of the name server that every cluster gets; empty: none")
	flags.StringVar(&c.pauseImage, "pause-image", "registry.k8s.io/pause:3.10", "name of the image, one of --node-image, that holds a pod's namespaces")
	flags.StringArrayVar(&c.otherKubeDirs, "other-kube-dir", nil, "folder of the programs of another Kubernetes version, which clusters can have and be upgraded from or to (repeatable)")
	flags.BoolVar(&c.aks.Of2020, "aks-rules-of-2020", false, "AKS as it was in 2020: identities of clusters can't change, own ones are previews, and one that names none gets a service principal")
	flags.BoolVar(&c.aks.Strict, "aks-strict-checks", false, "AKS's permission checks also where the documented walk-throughs contradict them")
	flags.BoolVar(&c.aks.WithholdNodeImages, "aks-withhold-node-images", false, "no newer node image is available: what needs one to consume is refused")
	flags.DurationVar(&c.registrationTakes, "registration-time", registration.Takes, "how long resource providers and preview features take to be registered (minutes on Azure)")
	flags.DurationVar(&c.rolePropagation, "role-propagation", 0, "for how long a new role assignment doesn't count yet (up to ten minutes on Azure; at most 1h)")
	flags.StringVar(&c.credentialProvider, "credential-provider", "", "program by which nodes sign in to container registries; empty: acr-credential-provider beside lanyardd")
	flags.StringVar(&c.registrySuffix, "registry-suffix", "azurecr.io", "domain of the login servers of container registries (NAME.azurecr.io)")
	flags.StringVar(&c.hourlyLimits, "hourly-limits", "", "ARM calls that each caller may make in a subscription in an hour, then 429: reads/writes/deletes, as 12000/1200/15000; empty limits nothing")
	c.tenancy.flags(flags)
	flags.StringVar(&c.dnsListen, "dns-listen", "", "loopback address at which the public DNS zones are answered from, as 127.0.0.1:8053; empty: nowhere but inside virtual networks")
	flags.StringVar(&c.metricsListen, "metrics-listen", "", "loopback address of /metrics, without TLS, as 127.0.0.1:9095; empty: none")
	flags.StringVar(&c.publicPorts, "public-ports", "80,443,1024-65535", "ports of load balancers' public addresses that are opened on this machine, at 127.x; none: none")
	flags.StringArrayVar(&c.roleFiles, "built-in-roles", nil, "file with the output of 'az role definition list' of a real subscription, whose built-in roles are taken over (repeatable)")
}

// check refuses settings that can't be meant.
func (c *config) check() error {
	for flag, address := range map[string]string{"--listen": c.listen, "--dns-listen": c.dnsListen, "--metrics-listen": c.metricsListen} {
		if err := c.checkListen(flag, address); err != nil {
			return err
		}
	}
	origin, err := url.Parse(c.origin)
	if err != nil || origin.Scheme != "https" || origin.Host == "" || strings.Trim(origin.Path, "/") != "" {
		return fmt.Errorf("--origin %q isn't a URL of the form https://host:port: clients accept no other authority", c.origin)
	}
	c.origin = strings.TrimSuffix(c.origin, "/")
	switch c.clusters {
	case "", clustersLocal, clustersNone:
	case clustersAttach:
		if len(c.connectable) == 0 {
			return errors.New("--clusters=attach has nothing to attach: name the API servers that may be connected, with --connectable HOST[:PORT]")
		}
	default:
		return fmt.Errorf("--clusters %q is neither %s, %s nor %s", c.clusters, clustersLocal, clustersAttach, clustersNone)
	}
	if err := c.etcd.check(c.clusters); err != nil {
		return err
	}
	if c.clock != "" && c.clock != clockReal && c.clock != clockMovable {
		return fmt.Errorf("--clock %q is neither %s nor %s", c.clock, clockReal, clockMovable)
	}
	if c.rolePropagation < 0 || c.rolePropagation > time.Hour {
		return fmt.Errorf("--role-propagation %s isn't between 0 and 1h", c.rolePropagation)
	}
	if _, err := c.limits(); err != nil {
		return err
	}
	if _, err := traffic.ParsePorts(c.publicPorts); err != nil {
		return fmt.Errorf("--public-ports: %w", err)
	}
	return c.absolute()
}

// checkListen refuses an address that other machines reach, unless that is meant.
func (c *config) checkListen(flag, address string) error {
	if address == "" && flag != "--listen" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s %q isn't host:port: %w", flag, address, err)
	}
	if !loopback(host) && !c.allowRemote {
		return fmt.Errorf("%s %s is reachable from other machines: name a loopback address, or add --allow-remote if that is meant", flag, address)
	}
	return nil
}

// limits reads --hourly-limits; nil limits nothing.
func (c *config) limits() (*pipeline.Limits, error) {
	if c.hourlyLimits == "" {
		return nil, nil
	}
	var numbers []int
	for text := range strings.SplitSeq(c.hourlyLimits, "/") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--hourly-limits %q isn't reads/writes/deletes, three positive numbers", c.hourlyLimits)
		}
		numbers = append(numbers, n)
	}
	if len(numbers) != 3 {
		return nil, fmt.Errorf("--hourly-limits %q isn't reads/writes/deletes, three positive numbers", c.hourlyLimits)
	}
	return &pipeline.Limits{Reads: numbers[0], Writes: numbers[1], Deletes: numbers[2]}, nil
}

// cloudProviderProgram is the program of cloud controller managers, "" for none.
func (c *config) cloudProviderProgram() (string, error) {
	switch c.cloudProvider {
	case "none":
		return "", nil
	case "":
		own, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("looking for the cloud provider: %w", err)
		}
		return filepath.Join(filepath.Dir(own), "cloud-provider"), nil
	}
	return filepath.Abs(c.cloudProvider)
}

// simulatorProgram is the program that simulates nodes, "" for none.
func (c *config) simulatorProgram() (string, error) {
	if c.simulator == "" {
		return "", nil
	}
	program, err := filepath.Abs(c.simulator)
	if err != nil {
		return "", fmt.Errorf("--simulator: %w", err)
	}
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("--simulator: %w: build it with make tools/kwok", err)
	}
	return program, nil
}

func (c *config) absolute() error {
	for _, path := range []*string{&c.dataDir, &c.runDir, &c.kubeDir} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return nil
}

// lockPatience is for how long the data folder may still be locked: a process that was killed keeps its lock until the last
// of its threads, and the last child that it was about to start, has come to its turn.
const lockPatience = 10 * time.Second

// lockDataDir makes sure that one lanyardd works on the data folder. The lock
// goes with the process, however it ends.
func lockDataDir(ctx context.Context, dir string, patience time.Duration) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	for start := time.Now(); ; {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { file.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK):
			err = fmt.Errorf("locking %s: %w", dir, err)
		case time.Since(start) >= patience:
			err = fmt.Errorf("another lanyardd works on %s: stop it first, or give this one a --data-dir of its own", dir)
		default:
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		file.Close()
		return nil, err
	}
}

// ownerFile in the run folder names the data folder that the sockets, namespaces
// and processes there belong to.
const ownerFile = "data-dir"

// claimRunDir keeps two data folders from sharing a run folder: the second would
// adopt the first one's etcd, whose certificates it doesn't know, and its
// teardown would end it.
func claimRunDir(runDir, dataDir string) error {
	path := filepath.Join(runDir, ownerFile)
	owner, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(runDir, 0o700); err != nil {
			return err
		}
		return renameio.WriteFile(path, []byte(dataDir), 0o600)
	case err != nil:
		return err
	case string(owner) != dataDir:
		return fmt.Errorf("run folder %s belongs to data folder %s: give this one a --run-dir of its own", runDir, owner)
	}
	return nil
}
