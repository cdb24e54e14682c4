//go:build e2e

package lab_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The libraries themselves, each started in a pod's network. They print what their calls gave: the token, or what they make of a
// refusal.
const (
	pythonProgram = `
import json, sys
from azure.identity import ManagedIdentityCredential
from msrestazure.azure_active_directory import MSIAuthentication
ids = json.loads(sys.argv[1])

def attempt(call):
    try:
        return call()
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)

def identity(resource, **how):
    return attempt(lambda: ManagedIdentityCredential(**how).get_token(resource + "/.default").token)

def msrest(resource, **how):
    return attempt(lambda: MSIAuthentication(resource=resource, **how).token["access_token"])

print(json.dumps({
    "unnamed": identity("https://one.azure.net"),
    "by client ID": identity("https://two.azure.net", client_id=ids["clientID"]),
    "by resource ID": identity("https://three.azure.net", identity_config={"mi_res_id": ids["resourceID"]}),
    "another's": identity("https://four.azure.net", client_id=ids["another"]),
    "msrestazure by client ID": msrest("https://five.azure.net/", client_id=ids["clientID"]),
    "msrestazure by resource ID": msrest("https://six.azure.net/", msi_res_id=ids["resourceID"]),
}))
`
	scriptProgram = `
const { ManagedIdentityCredential, DefaultAzureCredential } = require("@azure/identity");
const { ManagedIdentityApplication } = require("@azure/msal-node");
const { MSIVmTokenCredentials } = require("@azure/ms-rest-nodeauth");
const [one, two, three] = [1, 2, 3].map(v => require("identity" + v).ManagedIdentityCredential);
const ids = JSON.parse(process.argv[2]);
async function call(f) {
  try { return await f(); } catch (e) { return e.name + ": " + e.message; }
}
const attempt = (credential, resource) => call(async () => (await credential.getToken(resource + "/.default")).token);
const msal = (how, resource) => call(async () => (await new ManagedIdentityApplication({ managedIdentityIdParams: how }).acquireToken({ resource })).accessToken);
(async () => {
  console.log(JSON.stringify({
    "unnamed": await attempt(new ManagedIdentityCredential(), "https://one.azure.net"),
    "by client ID": await attempt(new ManagedIdentityCredential({ clientId: ids.clientID }), "https://two.azure.net"),
    "by resource ID": await attempt(new ManagedIdentityCredential({ resourceId: ids.resourceID }), "https://three.azure.net"),
    "by object ID": await attempt(new ManagedIdentityCredential({ objectId: ids.objectID }), "https://seven.azure.net"),
    "another's": await attempt(new ManagedIdentityCredential({ clientId: ids.another }), "https://four.azure.net"),
    "MSAL unnamed": await msal(undefined, "https://nine.azure.net"),
    "MSAL by client ID": await msal({ userAssignedClientId: ids.clientID }, "https://ten.azure.net"),
    "MSAL by resource ID": await msal({ userAssignedResourceId: ids.resourceID }, "https://eleven.azure.net"),
    "MSAL by object ID": await msal({ userAssignedObjectId: ids.objectID }, "https://twelve.azure.net"),
    "version 3 unnamed": await attempt(new three(), "https://thirteen.azure.net"),
    "version 3 by resource ID": await attempt(new three({ resourceId: ids.resourceID }), "https://fourteen.azure.net"),
    "version 2 unnamed": await attempt(new two(), "https://fifteen.azure.net"),
    "version 2 by client ID": await attempt(new two(ids.clientID), "https://sixteen.azure.net"),
    "version 1 unnamed": await attempt(new one(), "https://seventeen.azure.net"),
    "version 1 by client ID": await attempt(new one(ids.clientID), "https://eighteen.azure.net"),
    "before azure-identity": await call(async () => (await new MSIVmTokenCredentials({ resource: "https://nineteen.azure.net" }).getToken()).accessToken),
    "the chain": await attempt(new DefaultAzureCredential({ managedIdentityClientId: ids.clientID }), "https://eight.azure.net"),
  }));
})();
`
)

// scriptPackages are the identity libraries of JavaScript that are tried: azure-identity, which looked for the service in another way in
// each of its major versions, MSAL below it, and what was there before them.
var scriptPackages = []string{
	"@azure/identity@4", "@azure/msal-node@3", "identity3@npm:@azure/identity@3", "identity2@npm:@azure/identity@2",
	"identity1@npm:@azure/identity@1", "@azure/ms-rest-nodeauth@3",
}

// language starts a program in a pod's network and gives what it printed, by call.
func (p *pod) language(program string, arguments ...string) map[string]string {
	p.t.Helper()
	ids, err := json.Marshal(map[string]string{
		"clientID": demo.clientID, "objectID": demo.objectID, "resourceID": demo.resourceID(), "another": other.clientID,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	process := p.world.startIn(p.namespace, nil, nil, program, append(arguments, string(ids))...)
	select {
	case <-process.ended:
	case <-time.After(2 * time.Minute):
		process.kill()
	}
	lines := strings.Split(strings.TrimSpace(process.output.String()), "\n")
	var results map[string]string
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &results); err != nil {
		p.t.Fatalf("%s printed: %s", program, process.output)
	}
	return results
}

// claimed gives the name in a bare token.
func claimed(token string) string { return whose(`{"access_token":"` + token + `"}`) }

func (p *pod) wantFromLanguage(results map[string]string) {
	p.t.Helper()
	for call, got := range results {
		if call == "another's" {
			if !strings.Contains(got, "Identity not found") && !strings.Contains(got, "has not been assigned to this resource") {
				p.t.Errorf("%s: %s", call, got)
			}
			continue
		}
		if strings.ContainsAny(got, " :") || claimed(got) != demo.name {
			p.t.Errorf("%s: %s", call, got)
		}
	}
	if strangers := p.world.metadata.visitors(); len(strangers) > 0 {
		p.t.Errorf("pods reached the metadata service from %v", strangers)
	}
}

func newLanguageWorld(t *testing.T) *pod {
	t.Helper()
	unmanaged(t)
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
	return p
}

// Debian's azure-identity and what its az takes tokens with.
func TestLibrariesOfPython(t *testing.T) {
	p := newLanguageWorld(t)
	p.wantFromLanguage(p.language("/usr/bin/python3", "-c", pythonProgram))
}

func TestLibrariesOfJavaScript(t *testing.T) {
	folder := t.TempDir()
	install := exec.CommandContext(t.Context(), "npm", append([]string{"install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder}, scriptPackages...)...)
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing %v with npm: %v\n%s", scriptPackages, err, out)
	}
	program := filepath.Join(folder, "ask.js")
	if err := os.WriteFile(program, []byte(scriptProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newLanguageWorld(t)
	p.wantFromLanguage(p.language("node", program))
}
