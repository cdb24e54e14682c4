package disks

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"

	"golang.org/x/sync/errgroup"

	"github.com/lanyard-project/lanyard/internal/cloudprovider/settings"
)

const (
	workers = 4
	// What fails is tried again after firstRetry, doubled up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// callLimit bounds the work on one object.
	callLimit = 2 * time.Minute
)

// Controller provisions and attaches.
type Controller struct {
	settings *settings.Settings
	arm      *clients
	client   kubernetes.Interface
	log      *slog.Logger

	shared      informers.SharedInformerFactory
	claims      corelisters.PersistentVolumeClaimLister
	volumes     corelisters.PersistentVolumeLister
	nodes       corelisters.NodeLister
	classes     storagelisters.StorageClassLister
	attachments storagelisters.VolumeAttachmentLister

	queue    workqueue.TypedRateLimitingInterface[item]
	events   record.EventBroadcaster
	recorder record.EventRecorder
}

// item is an object that something may have to be done about.
type item struct{ kind, key string }

const (
	claim      = "claim"
	volume     = "volume"
	attachment = "attachment"
)

// New makes a Controller over the informers of shared, which it doesn't start.
func New(s *settings.Settings, credential azcore.TokenCredential, options *arm.ClientOptions, client kubernetes.Interface, shared informers.SharedInformerFactory, log *slog.Logger) (*Controller, error) {
	c := &Controller{
		settings: s, client: client, log: log, shared: shared,
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[item](firstRetry, lastRetry)),
	}
	var err error
	if c.arm, err = newClients(s.SubscriptionID, credential, options); err != nil {
		return nil, err
	}
	core, storage := shared.Core().V1(), shared.Storage().V1()
	c.claims, c.volumes, c.nodes = core.PersistentVolumeClaims().Lister(), core.PersistentVolumes().Lister(), core.Nodes().Lister()
	c.classes, c.attachments = storage.StorageClasses().Lister(), storage.VolumeAttachments().Lister()
	storage.StorageClasses().Informer() // read when a claim is
	for kind, informer := range map[string]cache.SharedIndexInformer{
		claim: core.PersistentVolumeClaims().Informer(), volume: core.PersistentVolumes().Informer(), attachment: storage.VolumeAttachments().Informer(),
	} {
		add := func(o any) {
			if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(o); err == nil {
				c.queue.Add(item{kind, key})
			}
		}
		update := func(before, o any) {
			if !onlyFailed(before, o) {
				add(o)
			}
		}
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: update}); err != nil {
			return nil, fmt.Errorf("following objects for disks: %w", err)
		}
	}
	c.events = record.NewBroadcaster()
	c.recorder = c.events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: driver})
	return c, nil
}

// Run works until the context ends.
func (c *Controller) Run(ctx context.Context) error {
	c.events.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: c.client.CoreV1().Events("")})
	defer c.events.Shutdown()
	for _, synced := range c.shared.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return ctx.Err()
		}
	}
	var group errgroup.Group
	for range workers {
		group.Go(func() error {
			for c.next(ctx) {
			}
			return nil
		})
	}
	<-ctx.Done()
	c.queue.ShutDown()
	_ = group.Wait() // they end with the queue
	return ctx.Err()
}

// next does one item; it reports whether there may be more.
func (c *Controller) next(ctx context.Context) bool {
	i, end := c.queue.Get()
	if end {
		return false
	}
	defer c.queue.Done(i)
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var err error
	switch i.kind {
	case claim:
		namespace, name, _ := strings.Cut(i.key, "/")
		err = c.provision(ctx, namespace, name)
	case volume:
		err = c.reclaim(ctx, i.key)
	case attachment:
		err = c.attachOrDetach(ctx, i.key)
	}
	if err != nil {
		c.log.WarnContext(ctx, "working on a disk", "object", i.kind+" "+i.key, "error", err)
		c.queue.AddRateLimited(i)
		return true
	}
	c.queue.Forget(i)
	return true
}

// onlyFailed reports whether nothing of an attachment changed but the errors that
// this controller writes itself: seen as news, each would be the next attempt, at once.
func onlyFailed(before, now any) bool {
	a, ok := before.(*storagev1.VolumeAttachment)
	if !ok {
		return false
	}
	b, ok := now.(*storagev1.VolumeAttachment)
	if !ok || a.ResourceVersion == b.ResourceVersion {
		return false
	}
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, x := range []*storagev1.VolumeAttachment{a, b} {
		x.ResourceVersion, x.ManagedFields = "", nil
		x.Status.AttachError, x.Status.DetachError = nil, nil
	}
	return apiequality.Semantic.DeepEqual(a, b)
}

// classOf is a claim's class if it is one of this driver.
func (c *Controller) classOf(claim *corev1.PersistentVolumeClaim) *storagev1.StorageClass {
	if claim.Spec.StorageClassName == nil {
		return nil
	}
	class, err := c.classes.Get(*claim.Spec.StorageClassName)
	if err != nil || class.Provisioner != driver {
		return nil // somebody else's, or not there yet: the claim is looked at again with its next change
	}
	return class
}
