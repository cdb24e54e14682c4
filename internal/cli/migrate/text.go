package migrate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Write prints the report for a person.
func (r Report) Write(out io.Writer) {
	fmt.Fprintf(out, "Issuer of the cluster: %s\n\n", r.Issuer)
	if len(r.Pods) == 0 {
		fmt.Fprintln(out, "No pod has the label aadpodidbinding: there is nothing to move.")
	} else {
		r.table(out)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(out, "NOTE", n)
	}
	r.commands(out)
	if len(r.Unused) > 0 {
		fmt.Fprintf(out, "\nNo pod has these identities now: %s\n", strings.Join(r.Unused, ", "))
	}
}

func (r Report) table(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAMESPACE\tPOD\tWORKLOAD\tSERVICE ACCOUNT\tIDENTITY\tTYPE\tBINDING\tCREDENTIAL")
	states := map[string]string{}
	for _, c := range r.Credentials {
		states[c.Name+c.ClientID] = c.State
	}
	for _, p := range r.Pods {
		identity, kind, credential := p.Identity, fmt.Sprint(p.Type), states[p.Credential+p.ClientID]
		if identity == "" {
			identity, kind = "-", "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Namespace, p.Pod, dash(p.Workload), p.ServiceAccount, identity, kind, dash(p.Binding), dash(credential))
	}
	w.Flush()
	fmt.Fprintln(out)
	// Pods of one workload have the same notes.
	said := map[string]bool{}
	for _, p := range r.Pods {
		who := p.Namespace + "/" + p.Pod
		if p.Workload != "" {
			who = p.Namespace + " " + p.Workload
		}
		for _, note := range p.Notes {
			if line := fmt.Sprintf("NOTE %s: %s\n", who, note); !said[line] {
				fmt.Fprint(out, line)
				said[line] = true
			}
		}
	}
}

// commands are those of all pods, each once, in the order in which to run them.
func (r Report) commands(out io.Writer) {
	var trust, broker, type3, native []string
	var namespaces []string
	for _, c := range r.Credentials {
		if c.State == Refused {
			fmt.Fprintf(out, "NOTE credential %s of %s: %s\n", c.Name, c.ClientID, c.Reason)
		}
		if c.State != Exists && c.State != Created {
			trust = append(trust, c.Command)
		}
	}
	for _, p := range r.Pods {
		if len(p.Type3) > 0 {
			namespaces = append(namespaces, p.Namespace)
			type3 = append(type3, p.Type3[1:]...)
		}
		native = append(native, p.Native...)
	}
	slices.Sort(namespaces)
	if namespaces = slices.Compact(namespaces); len(namespaces) > 0 {
		broker = []string{fmt.Sprintf("helm upgrade RELEASE CHART --reset-then-reuse-values --set 'broker.tokenNamespaces={%s}'", strings.Join(namespaces, ","))}
	}
	list(out, "Federated credentials that are missing (--apply creates them):", trust)
	list(out, "Then either let mic exchange tokens, without a change to any pod:", append(broker, type3...))
	list(out, "or use workload identity itself, if the workloads' SDKs know it (az aks update --enable-oidc-issuer --enable-workload-identity):", native)
}

func list(out io.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	seen := map[string]bool{}
	for _, line := range lines {
		if !seen[line] {
			fmt.Fprintln(out, "  "+line)
		}
		seen[line] = true
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
