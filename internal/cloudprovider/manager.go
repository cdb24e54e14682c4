package cloudprovider

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/cloud-provider/controllers/node"
	"k8s.io/cloud-provider/controllers/nodelifecycle"
	"k8s.io/cloud-provider/controllers/service"
	"k8s.io/component-base/featuregate"
	controllermetrics "k8s.io/component-base/metrics/prometheus/controllers"

	"golang.org/x/sync/errgroup"

	"github.com/lanyard-project/lanyard/internal/cloudprovider/disks"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/settings"
)

// Options are what the manager is told.
type Options struct {
	Kubeconfig string
	// CloudConfig is the file azure.json of the control plane.
	CloudConfig string
	// IdentitySocket is where the tokens of a managed identity come from.
	IdentitySocket string
	// ClusterName names load balancers; on AKS it is "kubernetes".
	ClusterName string
}

const (
	// nodeStatusEvery is how often all nodes' addresses and labels are looked at.
	nodeStatusEvery = 5 * time.Minute
	// nodeMonitorEvery is how often nodes that aren't ready are asked for.
	nodeMonitorEvery = 5 * time.Second
	nodeWorkers      = 4
	// serviceWorkers is one: Services share load balancers.
	serviceWorkers = 1
)

// Run runs the controllers until the context ends, the configuration changes or ARM refuses
// a token that was good.
func Run(ctx context.Context, o Options) error {
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading kubeconfig: %w", err)
	}
	config.UserAgent, config.QPS, config.Burst = "cloud-controller-manager", 100, 200
	config.ContentConfig = rest.ContentConfig{ContentType: "application/vnd.kubernetes.protobuf", AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json"}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client of the cluster: %w", err)
	}
	read, err := settings.Read(o.CloudConfig)
	if err != nil {
		return err
	}
	cloud, err := newCloud(read, o.IdentitySocket)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return settings.AwaitChange(ctx, o.CloudConfig) })
	group.Go(func() error { return read.AwaitRefusal(ctx) })
	group.Go(func() error { return control(ctx, client, cloud, o.ClusterName) })
	return group.Wait()
}

// control runs Kubernetes' controllers.
func control(ctx context.Context, client kubernetes.Interface, c *cloud, cluster string) error {
	shared := informers.NewSharedInformerFactory(client, 0)
	nodes, services := shared.Core().V1().Nodes(), shared.Core().V1().Services()
	metrics := controllermetrics.NewControllerManagerMetrics("cloud-controller-manager")
	initialise, err := node.NewCloudNodeController(nodes, client, c, nodeStatusEvery, nodeWorkers)
	if err != nil {
		return fmt.Errorf("making the node controller: %w", err)
	}
	lifecycle, err := nodelifecycle.NewCloudNodeLifecycleController(nodes, client, c, nodeMonitorEvery)
	if err != nil {
		return fmt.Errorf("making the node lifecycle controller: %w", err)
	}
	balancing, err := service.New(c, client, services, nodes, cluster, featuregate.NewFeatureGate())
	if err != nil {
		return fmt.Errorf("making the service controller: %w", err)
	}
	storing, err := disks.New(c.settings, c.credential, c.options, client, shared, slog.Default())
	if err != nil {
		return err
	}
	shared.Start(ctx.Done())
	defer shared.Shutdown()
	var running errgroup.Group
	running.Go(func() error { initialise.RunWithContext(ctx, metrics); return nil })
	running.Go(func() error { lifecycle.Run(ctx, metrics); return nil })
	running.Go(func() error { balancing.Run(ctx, serviceWorkers, metrics); return nil })
	running.Go(func() error { return storing.Run(ctx) })
	_ = running.Wait() // they end with the context
	return ctx.Err()
}
