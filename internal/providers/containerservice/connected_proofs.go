package containerservice

import "sync"

const (
	provingAtOnce = 256 // of all clusters
	provingOfOne  = 8
)

// proofs bounds how many callers, strangers yet, make this process ask clusters at a time: so many of one cluster, which may
// take its time to answer and must not take that of the others, and so many in all.
type proofs struct {
	mu  sync.Mutex
	of  map[string]int // by the cluster's key
	all int
}

func (p *proofs) begin(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[key] >= provingOfOne || p.all >= provingAtOnce {
		return false
	}
	if p.of == nil {
		p.of = map[string]int{}
	}
	p.of[key]++
	p.all++
	return true
}

func (p *proofs) end(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.of[key]--; p.of[key] == 0 {
		delete(p.of, key)
	}
}
