package controlplane

import (
	_ "embed" // stages

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
)

// Simulator is whom KWOK is, which stands for the kubelets of simulated nodes.
const Simulator = "system:lanyard:simulator"

const (
	simulatorProgram = "/opt/lanyard/kwok"
	simulator        = "simulator"
	// stagesFile makes the simulator start: most clusters have no simulated nodes.
	stagesFile = "/etc/kubernetes/simulated.yaml"
	// simulatedPods are the addresses of simulated pods. Nothing answers there, and no virtual network has them.
	simulatedPods = "100.64.0.0/10"
)

// SimulatedAnnotation marks nodes that the simulator stands for; no other node has it.
const (
	SimulatedAnnotation = "kwok.x-k8s.io/node"
	SimulatedByKWOK     = "fake"
)

// stages are what becomes of simulated nodes and of pods on them.
//
//go:embed simulated.yaml
var stages []byte

// StartSimulator lets the simulator start, and again after each start of the control plane.
func StartSimulator(disk machine.Disk) error { return disk.Write(stagesFile, stages, 0o644) }

func (s Settings) simulatorBinds() []machine.Bind {
	if s.Simulator == "" {
		return nil
	}
	return []machine.Bind{{Source: s.Simulator, Target: simulatorProgram, ReadOnly: true}}
}

func (s Settings) simulatorUnits() []machine.Unit {
	if s.Simulator == "" {
		return nil
	}
	return []machine.Unit{{Name: simulator, After: stagesFile, StopSeconds: 1, Args: []string{
		simulatorProgram,
		"--kubeconfig=/etc/kubernetes/" + simulator + ".conf",
		"--config=" + stagesFile,
		"--manage-nodes-with-annotation-selector=" + SimulatedAnnotation + "=" + SimulatedByKWOK,
		"--cidr=" + simulatedPods,
		"--node-ip=100.64.0.1",
		"--node-lease-duration-seconds=40", // as kubelets have it: a node that is heard of less often is taken for dead
	}}}
}
