package containerservice_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

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

// settle waits until no operation works on the cluster, or the process is dead. It returns false then.
func (p *process) settle(id armid.ID) bool {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if r := p.get(id); r == nil || !r.Busy() {
			return true
		}
		if p.ctx.Err() != nil {
			return false
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s doesn't settle: %v", id, p.calls)
		}
		time.Sleep(2 * time.Millisecond)
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

var (
	guid   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	port   = regexp.MustCompile(`"port":\d+`)
	unique = regexp.MustCompile(`-[0-9a-f]{8}\.(portal\.)?hcp\.`)
	key    = regexp.MustCompile(`[0-9a-f]{24}`)
	vnet   = regexp.MustCompile(`vnet-KEY`)
	short  = regexp.MustCompile(`"unique":"[0-9a-f]{8}"`)
)

// snapshot is the whole state of the world, without what is new in every run.
func (w *world) snapshot() map[string]string {
	w.t.Helper()
	page, err := w.store.List(w.t.Context(), "/lanyard/", store.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	state := map[string]string{}
	for _, item := range page.Items {
		value := string(item.Value)
		switch {
		case strings.HasPrefix(item.Key, "/lanyard/operations"), strings.HasPrefix(item.Key, "/lanyard/owners"):
			continue
		case strings.HasPrefix(item.Key, "/lanyard/resources"):
			var document map[string]json.RawMessage
			if err := json.Unmarshal(item.Value, &document); err != nil {
				w.t.Fatalf("%s: %v", item.Key, err)
			}
			delete(document, "systemData")
			raw, err := json.Marshal(document)
			if err != nil {
				w.t.Fatal(err)
			}
			value = string(raw)
		}
		state[item.Key] = steady(value)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	add := func(kind string, value any) {
		raw, err := json.Marshal(value)
		if err != nil {
			w.t.Fatal(err)
		}
		state[kind] = steady(string(raw))
	}
	add("vnets", w.vnets)
	add("planes", w.planes)
	add("nodes", w.nodes)
	add("etcd", w.etcd)
	add("served", w.served)
	add("addresses", w.addresses)
	return state
}

func steady(s string) string {
	s = guid.ReplaceAllString(s, "GUID")
	s = port.ReplaceAllString(s, `"port":0`)
	s = unique.ReplaceAllString(s, "-UNIQUE.${1}hcp.")
	s = short.ReplaceAllString(s, `"unique":"UNIQUE"`)
	s = key.ReplaceAllString(s, "KEY")
	return vnet.ReplaceAllString(s, "VNET")
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
