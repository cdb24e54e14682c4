//go:build !linux

package main

import (
	"context"
	"errors"
	"log/slog"
)

func initMachinery() {}

func openMachinery(_ context.Context, c config, _ *slog.Logger) (machinery, error) {
	if c.clusters != clustersNone {
		return nil, errors.New("clusters need Linux, those that run elsewhere too: start lanyardd with --clusters=none")
	}
	return noMachinery{}, nil
}

func clusterState(string) bool { return false }

func teardownMachinery(context.Context, config) error { return nil }
