package scaleset

import (
	"math/rand/v2"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// memory is what the passes over one scale set remember from one to the next.
// Losing it costs time or one more GET, never correctness. Only the worker that
// holds the scale set's work item touches it. It ends with the last assigned
// identity of the scale set.
type memory struct {
	// all is the back-off after the scale set as a whole failed.
	all backoff
	// identities are the back-offs of identities that Azure refuses.
	identities map[string]backoff
	// ours are identities that mic put on the scale set, or may have.
	ours map[string]bool
	// looked is when the scale set was last read.
	looked time.Time
	// told is the last event about an object, by UID.
	told map[types.UID]telling
	// judged is the version of an assigned identity that a pass came to a
	// conclusion about, and the one that it wrote then. As long as the cache shows
	// one of these there is nothing new to ask Azure.
	judged map[types.UID]judgement
	// announced is the version of an object from before the last announcement on it.
	announced map[types.UID]string
	// known is the state as of the last answer, and patched when it was changed
	// last: a guess whether a pass would change something again so soon.
	known   State
	patched time.Time
	// unsure: a change has failed since Azure was last asked, and may have been made.
	unsure bool
}

func newMemory() *memory {
	return &memory{
		identities: map[string]backoff{}, ours: map[string]bool{},
		told: map[types.UID]telling{}, judged: map[types.UID]judgement{}, announced: map[types.UID]string{},
	}
}

// backoff is how often something failed in a row, and until when to leave it.
type backoff struct {
	failures int
	until    time.Time
	fault    *Fault
}

// after returns the back-off that follows one more failure: base, doubled each
// time up to most, plus up to a fifth so that many don't come back at once. A
// service that says how long to wait is believed.
func (b backoff) after(f *Fault, now time.Time, base, most time.Duration) backoff {
	pause := min(base<<min(b.failures, 20), most)
	if f.Code == heldBack {
		pause = 0 // no call was made that could have failed
		b.failures--
	}
	pause = max(pause, f.RetryAfter)
	pause += time.Duration(rand.Int64N(int64(pause)/5 + 1))
	return backoff{failures: b.failures + 1, until: now.Add(pause), fault: f}
}

// judgement is two resource versions; written is empty if nothing was.
type judgement struct{ seen, written string }

// judge remembers a conclusion about an object as it was seen.
func (m *memory) judge(a *aadpodid.AzureAssignedIdentity) {
	if m.judged[a.UID].seen != a.ResourceVersion {
		m.judged[a.UID] = judgement{seen: a.ResourceVersion}
	}
}

// outdated reports whether an object is as it was before a write of ours, which
// hasn't come back yet.
func (m *memory) outdated(a *aadpodid.AzureAssignedIdentity) bool {
	j := m.judged[a.UID]
	return (j.seen == a.ResourceVersion && j.written != "") || m.announced[a.UID] == a.ResourceVersion
}

// wrote remembers a write of ours, whose event is no news. One that came to nothing,
// because CRDs older than this mic don't know what it says, isn't made again at
// each pass; see tryAgain.
func (m *memory) wrote(a *aadpodid.AzureAssignedIdentity) {
	m.judged[a.UID] = judgement{seen: m.judged[a.UID].seen, written: a.ResourceVersion}
}

// tryAgain lets writes be made once more that came to nothing: the CRDs may have
// been upgraded since.
func (m *memory) tryAgain() {
	for uid, j := range m.judged {
		if j.seen == j.written {
			delete(m.judged, uid)
		}
	}
}

// telling is an event that was sent.
type telling struct {
	text string
	at   time.Time
}

// forget drops what concerns objects that are no more, so that memory is in
// proportion to what exists.
func (m *memory) forget(d demand, now time.Time) {
	for id := range m.identities {
		if d[id] == nil {
			delete(m.identities, id)
		}
	}
	for id := range m.ours {
		if d[id] == nil {
			delete(m.ours, id)
		}
	}
	exists := map[types.UID]bool{}
	for _, u := range d {
		for a := range u.all() {
			exists[a.UID] = true
		}
	}
	for uid := range m.judged {
		if !exists[uid] {
			delete(m.judged, uid)
		}
	}
	for uid := range m.announced {
		if !exists[uid] {
			delete(m.announced, uid)
		}
	}
	for uid, t := range m.told {
		if !exists[uid] && now.Sub(t.at) > repeatEventAfter {
			delete(m.told, uid)
		}
	}
}

// knowsAll reports whether a pass has come to a conclusion about everybody, in
// their present versions, who isn't what he should be.
func (m *memory) knowsAll(u *users) bool {
	open := u.leaving
	if len(u.live) > 0 {
		open = u.live
	}
	for _, a := range open {
		done := len(u.live) > 0 && a.Status.Status == aadpodid.StateAssigned
		if j := m.judged[a.UID]; !done && j.seen != a.ResourceVersion && j.written != a.ResourceVersion {
			return false
		}
	}
	return true
}

// lacks reports whether somebody who counts as Assigned is, or may be, without the
// identity: he came (see Reconciler.Place) while it was taken away.
func (m *memory) lacks(id string, u *users) bool {
	_, there := m.known.ClientIDs[id]
	gone := m.unsure || (m.known.ClientIDs != nil && !there)
	return gone && slices.ContainsFunc(u.live, func(a *aadpodid.AzureAssignedIdentity) bool { return a.Status.Status == aadpodid.StateAssigned })
}
