package main

import (
	"context"
	"time"
)

// scale measures mic in a large cluster: 5,000 pods on 500 simulated nodes of 10 scale sets, 1,000 bindings, 200 identities,
// with an Azure that takes a second for each call. etcd and API server are real ones, and share this machine.
func (b *bench) scale(ctx context.Context) ([]row, error) {
	values, err := b.report(ctx, goBenchmark{pkg: "internal/cluster", name: "BenchmarkScale", times: "1x", limit: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	return []row{
		newRow(micAssigned, seconds, values["assigned_s"], 1, "start of mic to the last of 5,000 pods Assigned; Azure takes 1 s a call"),
		newRow(micWrites, count, values["writes_per_pod"], 1, "writes of assigned identities"),
		newRow(micCalls, count, values["arm_calls_per_batch"], 1, "calls to Azure for a PATCH of up to 150 identities"),
		newRow(micBatches, count, values["batches_per_set"], 1, "PATCHes of a scale set that gets 200 identities"),
		newRow(micCPU, seconds, values["cpu_s"], 1, "processor time of mic for all that"),
		newRow(micMemory, mebibytes, values["rss_mib"], 1, "most memory that mic had"),
		newRow(micRestart, seconds, values["restart_s"], 1, "start of another leader until it has looked at everything, nothing having changed"),
		newRow(micRestartWrites, count, values["restart_arm_writes"], 1, "PATCHes of that leader"),
		newRow(micUnrelatedPod, microseconds, values["unrelated_pod_us"], 1, "processor time for a change of a pod that asks for no identity"),
		newRow(micUnrelatedChange, microseconds, values["unrelated_change_us"], 1, "the same of a pod that has one, where the change doesn't concern it"),
		newRow(micBesideStuck, ratio, values["beside_stuck_s"], values["free_s"], "wait of a new pod while another scale set doesn't answer / while it does"),
	}, nil
}

// growth measures whether mic's work grows with the square of a cluster.
func (b *bench) growth(ctx context.Context) ([]row, error) {
	values, err := b.report(ctx, goBenchmark{pkg: "internal/cluster", name: "BenchmarkGrowth", times: "1x", limit: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	return []row{newRow(micGrowth, ratio, values["us_per_pod_20000"], values["us_per_pod_1000"], "processor time a pod: 20,000 pods / 1,000 pods")}, nil
}
