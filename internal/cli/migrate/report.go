package migrate

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Options say what moves where.
type Options struct {
	// Issuer is the cluster's, as the token service will know it.
	Issuer, Audience string
	// Namespaced keeps identities to pods of their own namespace, as --forceNamespaced and managed mode do.
	Namespaced bool
}

// Report is what a move takes.
type Report struct {
	Issuer      string        `json:"issuer"`
	Audience    string        `json:"audience"`
	Pods        []Pod         `json:"pods"`
	Credentials []*Credential `json:"credentials"`
	// Unused are identities that no pod has now.
	Unused []string `json:"unused,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// Pod is one pod with one of its identities. A pod whose label selects nothing has none.
type Pod struct {
	Namespace      string `json:"namespace"`
	Pod            string `json:"pod"`
	Workload       string `json:"workload,omitempty"`
	ServiceAccount string `json:"serviceAccount"`
	Selector       string `json:"selector"`
	Binding        string `json:"binding,omitempty"`
	Identity       string `json:"identity,omitempty"`
	Type           int    `json:"type"`
	ClientID       string `json:"clientId,omitempty"`
	ResourceID     string `json:"resourceId,omitempty"`
	Credential     string `json:"credential,omitempty"`
	// Type3 and Native are the commands of the two roads, without those for credentials.
	Type3  []string `json:"type3,omitempty"`
	Native []string `json:"native,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// What is known of a credential.
const (
	Unknown = "unknown"
	Missing = "missing"
	Exists  = "exists"
	Created = "created"
	Refused = "refused"
)

// Credential is the trust of an identity in one service account.
type Credential struct {
	Name string `json:"name"`
	// ResourceID is the managed identity's; empty for an application's.
	ResourceID string `json:"resourceId,omitempty"`
	ClientID   string `json:"clientId"`
	Subject    string `json:"subject"`
	State      string `json:"state"`
	Reason     string `json:"reason,omitempty"`
	Command    string `json:"command"`
}

// mostCredentials is how many an identity may have.
const mostCredentials = 20

// Plan makes the report. What credentials there are already isn't known to it.
func Plan(c Cluster, o Options) Report {
	r := Report{Issuer: o.Issuer, Audience: o.Audience, Pods: []Pod{}, Credentials: []*Credential{}}
	if !strings.HasPrefix(o.Issuer, "https://") || strings.Contains(o.Issuer, ".svc") || strings.HasSuffix(o.Issuer, "cluster.local") {
		r.Notes = append(r.Notes, fmt.Sprintf("no token service outside of the cluster can know its issuer %q: on AKS, az aks update --enable-oidc-issuer gives it one", o.Issuer))
	}
	bySelector := map[string][]object{}
	for _, b := range c.bindings {
		bySelector[b.Spec.Selector] = append(bySelector[b.Spec.Selector], b)
	}
	used, credentials := map[string]bool{}, map[string]*Credential{}
	defaults := map[string]string{} // client ID of each service account, as it would be
	slices.SortFunc(c.pods, func(a, b object) int { return strings.Compare(a.key(), b.key()) })
	for _, p := range c.pods {
		pods := c.identitiesOf(p, bySelector[p.Metadata.Labels[podLabel]], o, used)
		for i := range pods {
			if pods[i].Identity != "" && pods[i].credential(o, credentials) {
				pods[i].roads(c, defaults)
			}
		}
		r.Pods = append(r.Pods, pods...)
	}
	perIdentity := map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(credentials)) {
		credential := credentials[key]
		r.Credentials = append(r.Credentials, credential)
		if perIdentity[credential.ClientID]++; perIdentity[credential.ClientID] == mostCredentials+1 {
			r.Notes = append(r.Notes, fmt.Sprintf("identity %s needs more than the %d federated credentials that one may have: give its pods fewer service accounts", credential.ClientID, mostCredentials))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.identities)) {
		if !used[key] {
			r.Unused = append(r.Unused, key)
		}
	}
	return r
}

// identitiesOf are the pod's identities by mic's rules, or the pod alone.
func (c Cluster) identitiesOf(p object, bindings []object, o Options, used map[string]bool) []Pod {
	one := Pod{
		Namespace: p.Metadata.Namespace, Pod: p.Metadata.Name, Workload: p.workload(), ServiceAccount: p.account(), Selector: p.Metadata.Labels[podLabel],
	}
	var found []Pod
	for _, b := range bindings {
		key := b.Metadata.Namespace + "/" + b.Spec.AzureIdentity
		identity, ok := c.identities[key]
		own := o.Namespaced || strings.EqualFold(identity.Metadata.Annotations[behavior], "namespaced")
		if !ok || own && b.Metadata.Namespace != p.Metadata.Namespace {
			continue
		}
		used[key] = true
		with := one
		with.Binding, with.Identity, with.Type = b.key(), key, identity.Spec.Type
		with.ClientID, with.ResourceID = identity.Spec.ClientID, identity.Spec.ResourceID
		found = append(found, with)
	}
	if found == nil {
		one.note("no binding with an identity has the selector %s: the pod has no identity to move", one.Selector)
		return []Pod{one}
	}
	slices.SortFunc(found, func(a, b Pod) int { return strings.Compare(a.Binding, b.Binding) })
	return found
}

func (p *Pod) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// plain is what needs no quotes in a command. Whoever may make pods and AzureIdentities chooses some of what commands are made of,
// and an administrator runs them.
var plain = regexp.MustCompile(`^[\w.()/-]*$`)

// credential enters the trust that the pod's identity needs, and reports whether it can have one.
func (p *Pod) credential(o Options, all map[string]*Credential) bool {
	for _, word := range []string{p.ClientID, p.ResourceID, p.Workload} {
		if !plain.MatchString(word) {
			p.note("%q isn't an ID or a name that Azure or Kubernetes gives: no command is made of it", word)
			return false
		}
	}
	subject := "system:serviceaccount:" + p.Namespace + ":" + p.ServiceAccount
	c := &Credential{Name: credentialName(p.Namespace, p.ServiceAccount, o.Issuer), ClientID: p.ClientID, Subject: subject, State: Unknown}
	trust := fmt.Sprintf("--issuer %s --subject %s --audiences %s", o.Issuer, subject, o.Audience)
	switch id, err := armid.Parse(p.ResourceID); {
	case p.Type == 3 && p.ResourceID == "":
		return true // it has what it needs, or wouldn't work now
	case p.Type == 1 || p.Type == 2:
		c.Command = fmt.Sprintf(`az ad app federated-credential create --id %s --parameters '{"name": %q, "issuer": %q, "subject": %q, "audiences": [%q]}'`,
			p.ClientID, c.Name, o.Issuer, subject, o.Audience)
	case err != nil || !id.Is("Microsoft.ManagedIdentity/userAssignedIdentities"):
		p.note("resourceID %q of %s isn't that of a user-assigned identity, so that it can't have federated credentials", p.ResourceID, p.Identity)
		return false
	default:
		c.ResourceID = id.String()
		c.Command = fmt.Sprintf("az identity federated-credential create --subscription %s --resource-group %s --identity-name %s --name %s %s",
			id.Subscription(), id.ResourceGroup(), id.Name(), c.Name, trust)
	}
	p.Credential = c.Name
	key := strings.ToLower(c.ResourceID) + " " + c.ClientID + " " + c.Name
	if all[key] == nil {
		all[key] = c
	}
	return true
}

// credentialName is the same for the same account of the same issuer, and one that Azure takes.
func credentialName(namespace, account, issuer string) string {
	sum := sha256.Sum256([]byte(issuer + "\n" + namespace + "\n" + account))
	name := strings.ReplaceAll(namespace+"-"+account, ".", "-")
	return fmt.Sprintf("%s-%x", name[:min(len(name), 100)], sum[:4])
}

// roads are the commands that come after the credential, and what stands in their way. The first identity of a service account
// becomes its default.
func (p *Pod) roads(c Cluster, defaults map[string]string) {
	namespace, name, _ := strings.Cut(p.Identity, "/")
	if p.Type != 3 {
		patch := `{"spec":{"type":3}}`
		if p.Type == 1 || p.Type == 2 {
			patch = `{"spec":{"type":3,"clientPassword":null}}`
		}
		p.Type3 = []string{
			fmt.Sprintf("helm upgrade RELEASE CHART --reset-then-reuse-values --set broker.tokenNamespaces={%s}", p.Namespace),
			fmt.Sprintf("kubectl patch azureidentity %s --namespace %s --type merge --patch '%s'", name, namespace, patch),
		}
	}
	if p.ServiceAccount == "default" {
		p.note("it runs as the namespace's default service account, so that each pod without an account of its own would be trusted: give the workload one first")
	}
	account := p.Namespace + "/" + p.ServiceAccount
	annotated := c.accounts[account].Metadata.Annotations[clientAnnotation]
	if defaults[account] == "" {
		defaults[account] = p.ClientID
		if annotated != "" {
			defaults[account] = annotated
		}
	}
	switch {
	case defaults[account] != p.ClientID:
		p.note("its service account's default would be client ID %s: for workload identity the application has to ask for %s by its client ID, or to get an account of its own", defaults[account], p.ClientID)
	case annotated == "":
		p.Native = []string{fmt.Sprintf("kubectl annotate serviceaccount %s --namespace %s %s=%s", p.ServiceAccount, p.Namespace, clientAnnotation, p.ClientID)}
	}
	labels := fmt.Sprintf(`"labels":{%q:"true",%q:null}`, useLabel, podLabel)
	switch kind, _, _ := strings.Cut(p.Workload, "/"); kind {
	case "":
		p.note("nothing makes the pod: for workload identity somebody has to create it anew, with the label %s=true and without %s", useLabel, podLabel)
	case "deployment", "statefulset", "daemonset", "replicaset":
		p.Native = append(p.Native, fmt.Sprintf(`kubectl patch %s --namespace %s --type merge --patch '{"spec":{"template":{"metadata":{%s}}}}'`, p.Workload, p.Namespace, labels))
	default:
		p.note("for workload identity the pods of %s need the label %s=true in the place of %s", p.Workload, useLabel, podLabel)
	}
}
