package containerservice_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

func clusterID(name string) armid.ID {
	return armid.ResourceGroup(subscription, "rg").Extension("Microsoft.ContainerService", "managedClusters", name)
}

// put does what the pipeline does with a PUT, without the caller's rights.
func (p *process) put(id armid.ID, body string) (ops.Outcome, *providers.Request, error) {
	p.t.Helper()
	for {
		old, err := p.engine.Documents().Get(p.t.Context(), id)
		if err != nil {
			p.t.Fatal(err)
		}
		typ := p.registry.Find(id.Type())
		if old != nil && old.Busy() {
			return ops.Outcome{}, nil, typ.Busy(old)
		}
		next, err := resource.FromPut(id, old, json.RawMessage(body))
		if err != nil {
			p.t.Fatal(err)
		}
		r := &providers.Request{Caller: caller(), Method: providers.Put, Type: typ, ID: id, Old: old, Next: next, Body: json.RawMessage(body), Now: time.Now()}
		if err := typ.Prepare(p.t.Context(), r); err != nil {
			return ops.Outcome{}, r, err
		}
		if err := typ.Admit(p.t.Context(), r); err != nil {
			return ops.Outcome{}, r, err
		}
		outcome, err := p.engine.Commit(p.t.Context(), r)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return outcome, r, err
	}
}

// get reads a cluster, nil when it is gone.
func (p *process) get(id armid.ID) *resource.Resource {
	p.t.Helper()
	r, err := p.engine.Documents().Get(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// patience is what a test gives up after; a slow machine needs some of it.
const patience = 2 * time.Minute

// settle waits until no operation works on the cluster, or the process is dead. It returns false then.
func (p *process) settle(id armid.ID) bool {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		if r := p.get(id); r == nil || !r.Busy() {
			return true
		}
		if p.ctx.Err() != nil {
			return false
		}
		if time.Now().After(deadline) {
			p.t.Errorf("%s doesn't settle: %v", id, p.calls)
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// create makes a cluster and waits for the end.
func (p *process) create(name, body string) *resource.Resource {
	p.t.Helper()
	if _, _, err := p.put(clusterID(name), body); err != nil {
		p.t.Fatalf("creating %s: %v", name, err)
	}
	p.settle(clusterID(name))
	return p.get(clusterID(name))
}

func (p *process) delete(id armid.ID) {
	p.t.Helper()
	if _, err := p.engine.Delete(p.t.Context(), caller(), id); err != nil && !rest.IsNotFound(err) {
		p.t.Fatalf("deleting %s: %v", id, err)
	}
}

// snapshot is the whole state of the world, without what is new in every run: keys by how often they occur, documents
// of resources whole.
func (w *world) snapshot() map[string]any {
	w.t.Helper()
	page, err := w.store.List(w.t.Context(), "/lanyard/", store.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	state := map[string]any{}
	for _, item := range page.Items {
		switch {
		case strings.HasPrefix(item.Key, "/lanyard/operations"), strings.HasPrefix(item.Key, "/lanyard/owners"):
		case strings.HasPrefix(item.Key, "/lanyard/resources"):
			var document map[string]any
			if err := json.Unmarshal(item.Value, &document); err != nil {
				w.t.Fatalf("%s: %v", item.Key, err)
			}
			delete(document, "systemData")
			raw, err := json.Marshal(document)
			if err != nil {
				w.t.Fatal(err)
			}
			state[steady(item.Key)] = steady(string(raw))
		case strings.HasPrefix(item.Key, "/lanyard/network/allocations"):
			state[item.Key] = steady(string(item.Value))
		default:
			n, _ := state[steady(item.Key)].(int)
			state[steady(item.Key)] = n + 1
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	far := map[string][]*unstructured.Unstructured{}
	if w.far != nil && w.far.sets != nil {
		far = w.far.sets
	}
	for kind, value := range map[string]any{"far": far, "vnets": w.vnets, "planes": w.planes, "nodes": w.nodes, "etcd": w.etcd, "served": w.served, "sets": w.sets} {
		raw, err := json.Marshal(value)
		if err != nil {
			w.t.Fatal(err)
		}
		state[kind] = steady(string(raw))
	}
	return state
}

// fleeting is what is new in every run.
var fleeting = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "GUID"},
	{regexp.MustCompile(`"port":\d+`), `"port":0`},
	{regexp.MustCompile(`-[0-9a-f]{8}\.(portal\.)?hcp\.`), "-UNIQUE.${1}hcp."},
	{regexp.MustCompile(`"unique":"[0-9a-f]{8}"`), `"unique":"UNIQUE"`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`[0-9a-f]{20}\.westus2`), "ZONE"},
	{regexp.MustCompile(`[0-9a-f]{24,}`), "HEX"},
	{regexp.MustCompile(`198\.1[89]\.\d+\.\d+`), "PUBLICIP"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{100,}=*`), "BASE64"},
}

func steady(s string) string {
	for _, f := range fleeting {
		s = f.pattern.ReplaceAllString(s, f.instead)
	}
	return s
}

// allocations counts the parts of subnets that are given away.
func (w *world) allocations() int {
	w.t.Helper()
	page, err := w.store.List(w.t.Context(), "/lanyard/network/allocations", store.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for _, item := range page.Items {
		n += strings.Count(string(item.Value), `"owner"`)
	}
	return n
}

// post does what the pipeline does with an action that writes.
func (p *process) post(id armid.ID, name, body string) (rest.Response, error) {
	p.t.Helper()
	typ := p.registry.Find(id.Type())
	for _, a := range typ.Actions {
		if a.Name != name {
			continue
		}
		r := &providers.Request{Caller: caller(), Method: providers.Do, Type: typ, ID: id, Old: p.get(id), Body: json.RawMessage(body), Now: time.Now()}
		if r.Old.Busy() {
			return rest.Response{}, typ.Busy(r.Old)
		}
		response, err := a.Run(p.t.Context(), r)
		if err == nil && r.Operation != nil {
			_, err = p.engine.Commit(p.t.Context(), r)
		}
		return response, err
	}
	p.t.Fatalf("no action %s", name)
	return rest.Response{}, nil
}

// act runs an action on a stored resource.
func (p *process) act(id armid.ID, name string) rest.Response {
	p.t.Helper()
	typ := p.registry.Find(id.Type())
	for _, a := range typ.Actions {
		if a.Name == name {
			response, err := a.Run(p.t.Context(), &providers.Request{Caller: caller(), Method: providers.Do, Type: typ, ID: id, Old: p.get(id), Now: time.Now()})
			if err != nil {
				p.t.Fatalf("%s: %v", name, err)
			}
			return response
		}
	}
	p.t.Fatalf("no action %s", name)
	return rest.Response{}
}

func (p *process) decode(r rest.Response, into any) {
	p.t.Helper()
	raw, err := json.Marshal(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
