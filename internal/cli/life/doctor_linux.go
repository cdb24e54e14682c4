package life

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/local"
)

// finding is what one check says: how it is, and what mends it when it isn't well.
type finding struct{ what, mend string }

func doctorCommand() command.Table {
	return command.Table{Commands: []*command.Command{{
		Path: "doctor", Summary: "Check this machine and the cloud on it, and say how to mend what isn't well.",
		Arguments: cloudArguments(),
		Run: func(ctx context.Context, c *command.Call) (any, error) {
			cloud, err := cloudOf(c)
			if err != nil {
				return nil, err
			}
			bad := 0
			for _, check := range checks(ctx, cloud) {
				if check.mend == "" {
					fmt.Fprintf(c.Program.Out, "  ✓ %s\n", check.what)
					continue
				}
				bad++
				fmt.Fprintf(c.Program.Out, "  ✗ %s\n      %s\n", check.what, check.mend)
			}
			if bad > 0 {
				return nil, fmt.Errorf("%d thing(s) to mend", bad)
			}
			return nil, nil
		},
	}}}
}

func checks(ctx context.Context, cloud *local.Cloud) []finding {
	found := []finding{machine(ctx), programs(cloud), space(cloud)}
	for name, why := range map[string]string{"kubectl": "talks to clusters; build/kube/kubectl is one", "az": "the real az, for `lanyard az`; on Debian the package is azure-cli"} {
		if _, err := exec.LookPath(name); err != nil {
			found = append(found, finding{what: name + " isn't in the PATH (optional: " + why + ")"})
		} else {
			found = append(found, finding{what: name + " is there"})
		}
	}
	if at := cloud.RunsAt(); at == "" {
		return append(found, address(ctx, cloud), finding{what: "no cloud runs in " + cloud.Dir + "; `lanyard up` starts one"})
	}
	return append(found, answers(ctx, cloud))
}

func machine(ctx context.Context) finding {
	if err := local.Preflight(ctx, io.Discard); err != nil {
		return finding{"the machine can't run nodes", err.Error()}
	}
	return finding{what: "the machine can run nodes: Linux, root, cgroups, nftables, iproute2"}
}

func programs(cloud *local.Cloud) finding {
	if err := local.CheckPrograms(cloud.Build); err != nil {
		return finding{"programs are missing in " + cloud.Build, err.Error()}
	}
	return finding{what: "all programs are built in " + cloud.Build}
}

func space(cloud *local.Cloud) finding {
	folder := cloud.Dir
	for !exists(folder) && len(folder) > 1 {
		folder = folder[:len(folder)-1]
	}
	free, err := local.FreeBytes(folder)
	if err == nil && free < 2<<30 {
		return finding{fmt.Sprintf("only %d MB are free at %s", free>>20, cloud.Dir), "free some space: a cluster's images and etcd need about 1 GB"}
	}
	return finding{what: "there is room at " + cloud.Dir}
}

func address(ctx context.Context, cloud *local.Cloud) finding {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cloud.Listen)
	if err != nil {
		return finding{cloud.Listen + " is taken by another program", "end it, or use another address: lanyard up --listen 127.0.0.1:8444"}
	}
	_ = listener.Close()
	return finding{what: cloud.Listen + " is free"}
}

func answers(ctx context.Context, cloud *local.Cloud) finding {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := cloud.Healthy(ctx); err != nil {
		return finding{"lanyardd runs but doesn't answer at " + cloud.Origin() + ": " + err.Error(), "look at `lanyard logs`; `lanyard down` and `lanyard up` start afresh"}
	}
	info, err := os.Stat(cloud.CAFile())
	if err != nil || info.Size() == 0 {
		return finding{"the certificate authority is gone from " + cloud.CAFile(), "`lanyard down` and `lanyard up` start afresh"}
	}
	return finding{what: "lanyardd answers at " + cloud.Origin()}
}
