package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/cli/story"
)

const (
	pods = 20
	// podLimit is how long one pod may take until it has ended.
	podLimit = 2 * time.Minute
)

// podsToToken brings up the main job and, before it is taken down, lets pods ask
// for their first token.
func (b *bench) podsToToken(ctx context.Context) ([]row, error) {
	// What a killed run left would be met half-made.
	if err := b.cloud.Down(ctx); err != nil {
		return nil, fmt.Errorf("taking down what an earlier run left: %w", err)
	}
	var took []time.Duration
	var cost []row
	err := story.Run(ctx, story.Options{
		Cloud: b.cloud, ChartDir: b.chart, Narrator: &story.Narrator{Out: b.progress},
		BeforeTearDown: func(ctx context.Context, s *story.Story) (err error) {
			if cost, err = b.clusterCost(s); err != nil {
				return err
			}
			service, err := firstByte(ctx, s)
			if err != nil {
				return err
			}
			cost = append(cost, newRow(serviceToFirstByte, seconds, service.Seconds(), 1, "Service of type LoadBalancer to the first byte from its public address"))
			took, err = firstTokens(ctx, s)
			return err
		},
	})
	if err != nil {
		err = fmt.Errorf("pods on a real cluster: %w", err)
	}
	if len(took) < pods {
		return cost, err
	}
	return append(cost,
		newRow(podToFirstTokenP50, seconds, percentile(took, 50).Seconds(), 1, fmt.Sprintf("median of %d pods: create call to printed token", pods)),
		newRow(podToFirstTokenP99, seconds, percentile(took, 99).Seconds(), 1, fmt.Sprintf("slowest of %d pods: create call to printed token", pods)),
	), err
}

// firstTokens measures the pods of one identity that is bound.
func firstTokens(ctx context.Context, s *story.Story) ([]time.Duration, error) {
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // waiting for a turn of the client's would count
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	s.Narrator.Say("The pods of the benchmark")
	identity, err := s.AddIdentity(ctx, "bench-identity")
	if err != nil {
		return nil, err
	}
	// One pod stays, so that the identity stays on the scale set between two others.
	holder := pod("holder", identity, corev1.Container{Image: local.PauseImage})
	if _, err := client.CoreV1().Pods(identity.Namespace).Create(ctx, holder, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("creating pod holder: %w", err)
	}
	var took []time.Duration
	for i := range pods + 1 {
		asking := pod(fmt.Sprintf("bench-%02d", i), identity, corev1.Container{
			Image: story.DemoImage, Args: []string{"--raw", "--clientid=" + identity.ClientID},
		})
		after, err := firstToken(ctx, client, asking, identity.ClientID)
		if err != nil {
			return took, err
		}
		if i == 0 {
			continue // it may have waited for the scale set
		}
		s.Narrator.Say("pod %2d of %d: %.2f s", i, pods, after.Seconds())
		took = append(took, after)
	}
	return took, nil
}

func pod(name string, identity story.Bound, container corev1.Container) *corev1.Pod {
	container.Name = "ask"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: identity.Namespace, Labels: map[string]string{"aadpodidbinding": identity.Name}},
		Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{container}},
	}
}

// firstToken gives the time from the call that creates the pod to the line that
// tells of its token. The container runtime stamps that line by this machine's
// clock, so how often we look doesn't count.
func firstToken(ctx context.Context, client kubernetes.Interface, p *corev1.Pod, clientID string) (time.Duration, error) {
	api := client.CoreV1().Pods(p.Namespace)
	created := time.Now()
	if _, err := api.Create(ctx, p, metav1.CreateOptions{}); err != nil {
		return 0, fmt.Errorf("creating pod %s: %w", p.Name, err)
	}
	if err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, podLimit, false, func(ctx context.Context) (bool, error) {
		got, err := api.Get(ctx, p.Name, metav1.GetOptions{})
		return err == nil && (got.Status.Phase == corev1.PodSucceeded || got.Status.Phase == corev1.PodFailed), err
	}); err != nil {
		return 0, fmt.Errorf("waiting for the end of pod %s: %w", p.Name, err)
	}
	log, err := api.GetLogs(p.Name, &corev1.PodLogOptions{Timestamps: true}).DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the log of pod %s: %w", p.Name, err)
	}
	at, err := tokenLine(string(log), clientID)
	if err != nil {
		return 0, fmt.Errorf("pod %s: %w", p.Name, err)
	}
	return at.Sub(created), nil
}

// tokenLine finds when a log says that the token came.
func tokenLine(log, clientID string) (time.Time, error) {
	for line := range strings.Lines(log) {
		stamp, text, _ := strings.Cut(line, " ")
		if strings.HasPrefix(text, "HTTP 200 client_id="+clientID+" ") {
			return time.Parse(time.RFC3339Nano, stamp)
		}
	}
	return time.Time{}, errors.New("no token, but: " + strings.TrimSpace(log))
}

// percentile is the smallest value that p percent of the values don't exceed.
func percentile(values []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(p/100*float64(len(sorted))))-1)]
}
