package scaleset

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// applied gathers whom a pass has given their identities, so that a binding with a
// thousand pods gets one event of it instead of a thousand.
type applied struct {
	mu        sync.Mutex
	byBinding map[types.UID][]*aadpodid.AzureAssignedIdentity
}

func (l *applied) add(a *aadpodid.AzureAssignedIdentity) {
	b := a.Spec.AzureBindingRef
	if b == nil || b.UID == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byBinding == nil {
		l.byBinding = map[types.UID][]*aadpodid.AzureAssignedIdentity{}
	}
	l.byBinding[b.UID] = append(l.byBinding[b.UID], a)
}

// mostNamed is how many pods an event names.
const mostNamed = 5

// tell records the events. Nothing adds any more by then.
func (l *applied) tell(r *Reconciler) {
	for _, list := range l.byBinding {
		var pods []string
		for _, a := range list {
			pods = append(pods, a.Spec.PodNamespace+"/"+a.Spec.Pod)
		}
		slices.Sort(pods)
		first := list[0].Spec
		text := fmt.Sprintf("Pod %s has identity %s.", pods[0], first.AzureIdentityRef.Name)
		if n := len(pods); n > 1 {
			more := ""
			if n > mostNamed {
				more = fmt.Sprintf(" and %d more", n-mostNamed)
			}
			text = fmt.Sprintf("%d pods have identity %s: %s%s.", n, first.AzureIdentityRef.Name, strings.Join(pods[:min(n, mostNamed)], ", "), more)
		}
		r.Recorder.Event(first.AzureBindingRef, corev1.EventTypeNormal, "binding applied", text)
	}
}
