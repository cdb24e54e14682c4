package life

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/local"
)

func azCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "az", Summary: "Run the real az, signed in to the cloud on this machine.",
		Details:  "What follows -- is az's own command line. Its profile lies in the cloud's folder; yours isn't touched.",
		Raw:      true,
		Examples: []command.Example{{Title: "List resource groups with az.", Line: "lanyard az -- group list -o table"}},
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			line := c.Rest
			if len(line) > 0 && line[0] == "--" {
				line = line[1:]
			}
			program, err := exec.LookPath("az")
			if err != nil {
				return nil, errors.New("az isn't installed: on Debian the package is called azure-cli")
			}
			cloud, err := running(c)
			if err != nil {
				return nil, err
			}
			variables, err := azProfile(ctx, cloud, program)
			if err != nil {
				return nil, err
			}
			return nil, runIn(ctx, c, variables, append([]string{program}, line...))
		},
	}}}
}

// azPrefix begins the names of the folders that azProfile makes in the cloud's own.
const azPrefix = "az-"

// removeProfiles removes them: the secret of whoever is signed in lies there, and
// the next cloud of this folder is another one.
func removeProfiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), azPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// azProfile makes, once a cloud, a folder in which az knows the cloud and is signed in.
func azProfile(ctx context.Context, cloud *local.Cloud, program string) ([][2]string, error) {
	variables, err := cloud.Environment(kubeconfigOf(cloud))
	if err != nil {
		return nil, err
	}
	admin, err := cloud.Administrator()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(cloud.Dir, azPrefix+admin.ClientID)
	variables = append(variables, [2]string{"AZURE_CONFIG_DIR", folder}, [2]string{"AZURE_CORE_COLLECT_TELEMETRY", "false"}, [2]string{"AZURE_EXTENSION_DIR", filepath.Join(folder, "extensions")})
	if exists(filepath.Join(folder, "ready")) {
		return variables, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	origin := cloud.Origin()
	// az asks no other host about an authority that ends in /adfs.
	settings, err := json.Marshal(map[string]any{"suffixes": map[string]string{"acr_login_server_endpoint": ".azurecr.io", "keyvault_dns": ".vault.azure.net", "storage_endpoint": "core.windows.net"}, "endpoints": map[string]string{
		"resource_manager": origin + "/", "management": origin + "/", "gallery": origin + "/",
		"active_directory": origin + "/adfs", "active_directory_resource_id": "https://management.core.windows.net/",
		"active_directory_graph_resource_id": origin + "/", "microsoft_graph_resource_id": origin + "/",
	}})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "cloud.json")
	if err := os.WriteFile(file, settings, 0o600); err != nil {
		return nil, err
	}
	for _, line := range [][]string{
		{"cloud", "register", "--name", cloudName, "--cloud-config", "@" + file},
		{"cloud", "set", "--name", cloudName},
		{"login", "--service-principal", "--username", admin.ClientID, "--password", admin.ClientSecret.Reveal(), "--tenant", admin.TenantID, "--output", "none"},
	} {
		run := exec.CommandContext(ctx, program, line...) //nolint:gosec // az of the PATH
		run.Env = os.Environ()
		for _, v := range variables {
			run.Env = append(run.Env, v[0]+"="+v[1])
		}
		if output, err := run.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("preparing az (az %s): %w: %s", line[0], err, output)
		}
	}
	return variables, os.WriteFile(filepath.Join(folder, "ready"), nil, 0o600)
}
