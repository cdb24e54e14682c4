package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/story"
)

// clusterCost tells what the story's cluster of one node took: the time from its PUT to its Ready node, and the memory of
// its control plane and of its node. The control plane has its API server's caches filled, and runs nothing of a user's.
func (b *bench) clusterCost(s *story.Story) ([]row, error) {
	controlPlane, node, err := memory(filepath.Base(b.cloud.RunDir()))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow(clusterPutToReady, seconds, s.ClusterTook().Seconds(), 1, "PUT of a cluster to its Ready node"),
		newRow(clusterMemory, mebibytes, controlPlane/(1<<20), 1, "proportional memory of a control plane"),
		newRow(nodeMemory, mebibytes, node/(1<<20), 1, "proportional memory of a node with the pods of mic and nmi"),
	}, nil
}

// memory sums what the processes of control planes and of nodes have for themselves, with their part of what they share:
// the programs are one file in memory for all clusters.
func memory(run string) (controlPlane, node float64, err error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, 0, err
	}
	for _, folder := range folders {
		groups, err := os.ReadFile(filepath.Join(folder, "cgroup"))
		if err != nil {
			continue // it has ended
		}
		size := proportional(folder)
		switch {
		case bytes.Contains(groups, []byte("/"+run+"/control-plane.")):
			controlPlane += size
		case bytes.Contains(groups, []byte("/"+run+"/node.")):
			node += size
		}
	}
	if controlPlane == 0 || node == 0 {
		return 0, 0, fmt.Errorf("no control plane or no node runs in the control groups of %s", run)
	}
	return controlPlane, node, nil
}

// proportional is a process's Pss in bytes, 0 when it has ended.
func proportional(folder string) float64 {
	data, err := os.ReadFile(filepath.Join(folder, "smaps_rollup"))
	if err != nil {
		return 0
	}
	for scanner := bufio.NewScanner(bytes.NewReader(data)); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 3 && fields[0] == "Pss:" {
			if n, err := strconv.ParseFloat(fields[1], 64); err == nil {
				return n * 1024
			}
		}
	}
	return 0
}
