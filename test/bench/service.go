package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lanyard-project/lanyard/internal/cli/story"
	"github.com/lanyard-project/lanyard/internal/loopback"
)

// serviceLimit is how long a Service may take to answer.
const serviceLimit = 2 * time.Minute

// firstByte tells how long a Service of type LoadBalancer takes from the call that creates it to the first byte that this
// machine gets of its public address. The server is the cluster's name server, which runs already and answers HTTP to
// whoever asks for its health.
func firstByte(ctx context.Context, s *story.Story) (time.Duration, error) {
	config, err := clientcmd.BuildConfigFromFlags("", s.Kubeconfig())
	if err != nil {
		return 0, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return 0, err
	}
	services := client.CoreV1().Services(metav1.NamespaceSystem)
	created := time.Now()
	if _, err := services.Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "bench"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, Selector: map[string]string{"k8s-app": "kube-dns"},
			Ports: []corev1.ServicePort{{Port: 8080, TargetPort: intstr.FromInt32(8080)}},
		},
	}, metav1.CreateOptions{}); err != nil {
		return 0, fmt.Errorf("creating a service: %w", err)
	}
	caller := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	var took time.Duration
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, serviceLimit, true, func(ctx context.Context) (bool, error) {
		got, err := services.Get(ctx, "bench", metav1.GetOptions{})
		if err != nil || len(got.Status.LoadBalancer.Ingress) == 0 {
			return false, err
		}
		public, err := netip.ParseAddr(got.Status.LoadBalancer.Ingress[0].IP)
		if err != nil {
			return false, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:8080/health", loopback.Of(public)), nil)
		if err != nil {
			return false, err
		}
		response, err := caller.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // not yet
		}
		defer response.Body.Close()
		n, _ := io.ReadFull(response.Body, make([]byte, 1))
		took = time.Since(created)
		return n == 1, nil
	})
	if err != nil {
		return 0, fmt.Errorf("waiting for the first byte of a service: %w", err)
	}
	return took, services.Delete(ctx, "bench", metav1.DeleteOptions{})
}
