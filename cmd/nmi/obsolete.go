package main

import (
	"flag"
	"fmt"
)

// former is a flag of aad-pod-identity's NMI that means nothing here, with what took its place.
type former struct {
	name    string
	boolean bool
	instead string
}

func obsolete() []former {
	const (
		watched = "assignments are watched, so nothing is polled; see --assignment-timeout"
		log     = "the log is JSON on standard error, one level for all"
	)
	return []former{
		{"nmi-listen-address", false, "the agent listens on an address of its own that only redirected connections reach, see --agent-address; " +
			"/host/token isn't served: a process in the node's network asks for its own pod's token like any other pod"},
		{"ipt-update-interval-sec", false, "the redirect is one nft table (inet lanyard) that stays; there is no iptables chain aad-metadata to refresh"},
		{"enableScaleFeatures", true, "only this node's objects are ever watched"},
		{"enableProfile", true, "there is no profiler to switch on"},
		{"MICNamespace", false, "mic is named by its service account, see --node-identity-service-account"},
		{"set-retry-after-header", true, "503 always comes with Retry-After"},
		{"enable-conntrack-deletion", true, "connections older than the redirect are cut by its rules"},
		{"allow-network-plugin-kubenet", true, "bridges such as kubenet's are guarded against spoofing, see --pod-network"},
		{"kubelet-config", false, "the network is named by --pod-network"},
		{"retry-attempts-for-created", false, watched},
		{"retry-attempts-for-assigned", false, watched},
		{"find-identity-retry-interval", false, watched},
		{"log-format", false, "the log is JSON"},
		{"custom-user-agent", false, "the agent speaks to the node's metadata service only"},
		{"metadata-header-required", true, "the Metadata header is always required"},
		{"v", false, log}, {"vmodule", false, log}, {"stderrthreshold", false, log}, {"log_backtrace_at", false, log},
		{"log_dir", false, log}, {"log_file", false, log}, {"log_file_max_size", false, log},
		{"logtostderr", true, log}, {"alsologtostderr", true, log}, {"add_dir_header", true, log}, {"one_output", true, log},
		{"skip_headers", true, log}, {"skip_log_headers", true, log},
	}
}

// declareObsolete takes those flags, and warns of each that is given.
func declareObsolete(set *flag.FlagSet, warnings *[]string) {
	for _, f := range obsolete() {
		warn := func(string) error {
			*warnings = append(*warnings, fmt.Sprintf("flag --%s has no effect any more: %s", f.name, f.instead))
			return nil
		}
		if f.boolean {
			set.BoolFunc(f.name, "obsolete: "+f.instead, warn)
		} else {
			set.Func(f.name, "obsolete: "+f.instead, warn)
		}
	}
}

// obsoleteEnvironment warns of variables that the predecessor read.
func obsoleteEnvironment(lookup func(string) (string, bool)) []string {
	var warnings []string
	for _, variable := range []struct{ name, instead string }{
		{"KUBECONFIG", "see --kube-api, --kube-token-file and --kube-ca-file"},
		{"MSI_ENDPOINT", "see --metadata-endpoint"},
		{"MSI_SECRET", "see --metadata-endpoint"},
	} {
		if _, ok := lookup(variable.name); ok {
			warnings = append(warnings, fmt.Sprintf("environment variable %s has no effect any more: %s", variable.name, variable.instead))
		}
	}
	return warnings
}
