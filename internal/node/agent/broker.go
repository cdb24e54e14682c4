package agent

import (
	"context"
	"strings"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/node/source"
)

// broker prepares to ask mic; it isn't asked if there is none.
func (c Config) broker(client *kube.Client, clk clock.PassiveClock) *source.Broker {
	namespace, name, _ := strings.Cut(c.BrokerConfigMap, "/")
	read := func(ctx context.Context) (map[string]string, error) {
		var announced struct {
			Data map[string]string `json:"data"`
		}
		err := client.Read(ctx, "/api/v1/namespaces/"+namespace+"/configmaps/"+name, &announced)
		return announced.Data, err
	}
	return source.NewBroker(read, c.BrokerTokenFile, clk)
}
