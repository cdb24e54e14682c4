package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// need makes sure that what the operating system brings for the recipes is
// there: the C compiler and libraries of those with C in them. A missing
// Debian package is installed, and the user told so; nothing else is touched.
func need(ctx context.Context, log io.Writer, recipes []recipe) error {
	var libs []clib
	for _, r := range recipes {
		libs = append(libs, r.c...)
	}
	if len(libs) == 0 {
		return nil
	}
	var missing []string
	if _, err := exec.LookPath("gcc"); err != nil {
		missing = append(missing, "gcc", "libc6-dev")
	}
	_, err := exec.LookPath("pkg-config")
	if err != nil {
		missing = append(missing, "pkg-config")
	}
	for _, lib := range libs {
		if err != nil || exec.CommandContext(ctx, "pkg-config", "--exists", lib.name).Run() != nil {
			missing = append(missing, lib.debian)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return install(ctx, log, missing)
}

func install(ctx context.Context, log io.Writer, packages []string) error {
	command := "apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%s missing and this system has no apt-get: install what brings them here",
			strings.Join(packages, ", "))
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s missing: as root, run %s", strings.Join(packages, ", "), command)
	}
	fmt.Fprintf(log, "%s missing: installing through apt\n", strings.Join(packages, ", "))
	if said, err := apt(ctx, strings.Fields(command)[1:]); err != nil {
		// A fresh image has no package lists yet.
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if again, err := apt(ctx, []string{"update"}); err != nil {
			return fmt.Errorf("updating apt's lists: %w\n%s%s", err, said, again)
		}
		if said, err = apt(ctx, strings.Fields(command)[1:]); err != nil {
			return fmt.Errorf("%s: %w\n%s", command, err, said)
		}
	}
	return nil
}

func apt(ctx context.Context, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return said, fmt.Errorf("running apt-get: %w", err)
	}
	return said, err
}
