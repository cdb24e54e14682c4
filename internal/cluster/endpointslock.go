package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// endpointsLock is the lock by which aad-pod-identity's mic elected its leader: a
// record in an annotation of an Endpoints object that has no addresses. client-go
// had it until version 0.23; the record is still the one of resourcelock.
type endpointsLock struct {
	client         corev1client.EndpointsInterface
	name, identity string

	// held is the object as last seen: an update is refused if it changed since.
	held *corev1.Endpoints
}

func (l *endpointsLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	found, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
	if err != nil {
		return nil, nil, err
	}
	l.held = found
	raw := found.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]
	record := &resourcelock.LeaderElectionRecord{}
	if raw == "" {
		return record, nil, nil // an object that nobody holds yet
	}
	if err := json.Unmarshal([]byte(raw), record); err != nil {
		return nil, nil, fmt.Errorf("reading the annotation %s of Endpoints %s: %w", resourcelock.LeaderElectionRecordAnnotationKey, l.name, err)
	}
	return record, []byte(raw), nil
}

func (l *endpointsLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	fresh := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Name: l.name}}
	if err := annotate(fresh, record); err != nil {
		return err
	}
	created, err := l.client.Create(ctx, fresh, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	l.held = created
	return nil
}

func (l *endpointsLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if l.held == nil {
		return errors.New("the lock was neither read nor created yet")
	}
	next := l.held.DeepCopy()
	if err := annotate(next, record); err != nil {
		return err
	}
	updated, err := l.client.Update(ctx, next, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	l.held = updated
	return nil
}

func annotate(o *corev1.Endpoints, record resourcelock.LeaderElectionRecord) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("writing an election record: %w", err)
	}
	metav1.SetMetaDataAnnotation(&o.ObjectMeta, resourcelock.LeaderElectionRecordAnnotationKey, string(raw))
	return nil
}

func (l *endpointsLock) RecordEvent(string) {}
func (l *endpointsLock) Identity() string   { return l.identity }
func (l *endpointsLock) Describe() string   { return "endpoints " + l.name }
