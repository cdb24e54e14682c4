package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/renameio/v2"
)

// The names of the rows. Readers of the file compare runs by them.
const (
	tokenHitVsNoop     = "nmi_token_hit_vs_noop"
	tokenHitFlat       = "nmi_token_hit_5000_vs_1_identities"
	connectionP50      = "nmi_new_connection_added_p50"
	connectionP99      = "nmi_new_connection_added_p99"
	coldToken          = "nmi_cold_token_added_p50"
	assignedToToken    = "nmi_assigned_to_first_token_max"
	agentMemory        = "nmi_rss_250_pods"
	tokenVsPeer        = "nmi_token_vs_peer"
	tokenCostVsPeer    = "nmi_token_cpu_vs_peer"
	connectionVsPeer   = "nmi_new_connection_vs_peer_p50"
	memoryVsPeer       = "nmi_rss_vs_peer"
	mintVsRSA2048      = "sts_mint_vs_rsa2048"
	cachedVsNoop       = "sts_identity_cached_vs_noop"
	podToFirstTokenP50 = "pod_created_to_first_token_p50"
	podToFirstTokenP99 = "pod_created_to_first_token_p99"
	getVsNoop          = "arm_get_vs_noop_1"
	indexFollows       = "rbac_index_follows_p50"
	createVsEtcdPut    = "arm_create_vs_etcd_put_64"
	registryPull       = "registry_pull_vs_copy"
	registryChecked    = "registry_pull_vs_checked_copy"
	registryInTurn     = "registry_pull_in_turn_vs_copy"
	registryMany       = "registry_pull_100_vs_copy"
	registryFile       = "registry_pull_vs_file_server"
	registryCPU        = "registry_pull_vs_file_server_cpu"
	micAssigned        = "mic_5000_pods_assigned"
	micWrites          = "mic_api_writes_per_pod"
	micCalls           = "mic_arm_calls_per_batch"
	micBatches         = "mic_batches_per_scale_set"
	micCPU             = "mic_5000_pods_cpu"
	micMemory          = "mic_5000_pods_rss"
	micRestart         = "mic_restart"
	micRestartWrites   = "mic_restart_arm_writes"
	micUnrelatedPod    = "mic_unrelated_pod_cpu"
	micUnrelatedChange = "mic_unrelated_change_cpu"
	micBesideStuck     = "mic_wait_beside_a_stuck_scale_set"
	micGrowth          = "mic_cpu_per_pod_20000_vs_1000"
	clusterPutToReady  = "cluster_put_to_ready"
	clusterMemory      = "cluster_idle_memory"
	nodeMemory         = "node_memory"
	serviceToFirstByte = "service_to_first_byte"
	manyPutToReady     = "four_clusters_put_to_ready"
	manyPutToToken     = "four_clusters_put_to_first_pod_token"
	manyClusterMemory  = "four_clusters_idle_memory"
	manyNodeMemory     = "four_clusters_node_memory"
)

const (
	ratio        = "ratio"
	seconds      = "seconds"
	microseconds = "microseconds"
	mebibytes    = "MiB"
	count        = "count"
)

// row is one measured value: numerator over denominator.
type row struct {
	Name        string  `json:"name"`
	Value       float64 `json:"value"`
	Unit        string  `json:"unit"`
	Numerator   float64 `json:"numerator"`
	Denominator float64 `json:"denominator"`

	// about says what the numbers are, for the table.
	about string
}

func newRow(name, unit string, numerator, denominator float64, about string) row {
	return row{Name: name, Value: numerator / denominator, Unit: unit, Numerator: numerator, Denominator: denominator, about: about}
}

// missing reports the rows that a complete run has and this one hasn't.
func missing(rows []row) error {
	var names []string
	for _, name := range []string{
		tokenHitVsNoop, tokenHitFlat, connectionP50, connectionP99, coldToken, assignedToToken, agentMemory, mintVsRSA2048, cachedVsNoop, podToFirstTokenP50, podToFirstTokenP99,
		getVsNoop, createVsEtcdPut, indexFollows, registryPull, registryChecked, registryInTurn, registryMany, registryFile, registryCPU,
		micAssigned, micWrites, micCalls, micBatches, micCPU, micMemory, micRestart, micRestartWrites, micUnrelatedPod, micUnrelatedChange, micBesideStuck, micGrowth,
		clusterPutToReady, clusterMemory, nodeMemory, serviceToFirstByte,
		manyPutToReady, manyPutToToken, manyClusterMemory, manyNodeMemory,
	} {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.Name == name }) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("not measured: %s", strings.Join(names, ", "))
	}
	return nil
}

const footnote = `
Pods are created one after the other on a node that has their image. Their time includes scheduling, sandbox and network,
start of the container, the assigned identity that mic makes for the pod, and the token; not the identity's way to the
scale set, where another pod holds it. Of so few pods the 99th percentile is the slowest.
`

func printTable(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVALUE\tUNIT\tNUMERATOR\tDENOMINATOR\tWHAT")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.3f\t%s\t%.7g\t%.7g\t%s\n", r.Name, r.Value, r.Unit, r.Numerator, r.Denominator, r.about)
	}
	fmt.Fprint(w, footnote)
	return w.Flush()
}

// writeJSON replaces the file also when rows are missing: old ones would pass
// for those of this run.
func writeJSON(file string, rows []row) error {
	data, err := json.MarshalIndent(append([]row{}, rows...), "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the rows: %w", err)
	}
	return nil
}
