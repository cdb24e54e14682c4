package containerservice_test

import (
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

// TestLocations holds what seeds 000, 002 and 003 say isn't offered in Azure Government and in Azure in China.
func TestLocations(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	kubelet, _ := p.identity("kubelet")
	own := body(`{"type":"SystemAssigned"}`, `{"type":"UserAssigned","userAssignedIdentities":{"`+kubelet+`":{}}}`)
	prepared := strings.Replace(own, `"dnsPrefix":"demo"`, `"dnsPrefix":"demo","identityProfile":{"kubeletidentity":{"resourceId":"`+kubelet+`"}}`, 1)
	podIdentity := body(`"dnsPrefix":"demo"`, `"dnsPrefix":"demo","podIdentityProfile":{"enabled":true}`)
	for _, tt := range []struct {
		name, location, body string
		old                  bool
		refused              string
	}{
		{"previews in Azure Government", "usgovvirginia", podIdentity, false, "Pod identity, which is a preview, isn't supported in the location 'usgovvirginia' of Azure Government."},
		{"previews in China", "China North 3", podIdentity, false, "of Microsoft Azure operated by 21Vianet"},
		{"the control plane's identity, when it was a preview", "usgovarizona", own, true, "An identity of your own for a cluster, which is a preview,"},
		{"the control plane's identity today", "usgovarizona", own, false, ""},
		{"a pre-created kubelet identity in China East", "chinaeast", prepared, false, "A pre-created kubelet identity isn't supported in the location 'chinaeast'"},
		{"a pre-created kubelet identity in China East 2", "chinaeast2", prepared, false, ""},
		{"a system-assigned identity", "chinaeast", body(), true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.provider.Rules = containerservice.Rules{Of2020: tt.old}
			_, _, err := p.put(clusterID("demo"), strings.Replace(tt.body, `"westus2"`, `"`+tt.location+`"`, 1))
			if tt.refused == "" {
				if err != nil {
					t.Fatal(err)
				}
				p.settle(clusterID("demo"))
				p.delete(clusterID("demo"))
				p.settle(clusterID("demo"))
				return
			}
			if e := rest.AsError(err); err == nil || e.Code != "NotSupportedInLocation" || !strings.Contains(e.Message, tt.refused) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNoClusterWithoutNodeImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	p.provider.PauseImage = ""
	_, _, err := p.put(clusterID("demo"), simple)
	if e := rest.AsError(err); err == nil || e.Code != "NodeImagesMissing" || !strings.Contains(e.Message, "--pause-image") {
		t.Errorf("got %v", err)
	}
}
