package admission

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// Path is where the API server asks.
const Path = "/validate"

// NewHandler answers AdmissionReviews of the API server at Path.
func NewHandler(scheme *runtime.Scheme, rules match.Rules, view func(context.Context) match.View, log logr.Logger) (http.Handler, error) {
	decoder := admission.NewDecoder(scheme)
	answer := func(ctx context.Context, req admission.Request) admission.Response {
		v, err := judge(reviewer{rules, view(ctx)}, decoder, req)
		switch {
		case err != nil:
			return admission.Errored(http.StatusBadRequest, err)
		case v.refusal != nil:
			// The form of the API server's own refusals, which clients read.
			return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &metav1.Status{
				Status: metav1.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: v.refusal.Error(),
			}, Warnings: v.warnings}}
		}
		return admission.Allowed("").WithWarnings(v.warnings...)
	}
	hook, err := admission.StandaloneWebhook(&webhook.Admission{Handler: admission.HandlerFunc(answer)}, admission.StandaloneOptions{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("making the webhook's handler: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, hook)
	return mux, nil
}

func judge(r reviewer, decoder admission.Decoder, req admission.Request) (verdict, error) {
	if req.Operation != admissionv1.Create && req.Operation != admissionv1.Update {
		return verdict{}, nil
	}
	switch req.Kind.Kind {
	case "AzureIdentity":
		before, after, err := objects[aadpodid.AzureIdentity](decoder, req)
		if err != nil {
			return verdict{}, err
		}
		return r.identity(before, after), nil
	case "AzureIdentityBinding":
		before, after, err := objects[aadpodid.AzureIdentityBinding](decoder, req)
		if err != nil {
			return verdict{}, err
		}
		return r.binding(before, after)
	}
	return verdict{}, apierrors.NewBadRequest("this webhook knows AzureIdentity and AzureIdentityBinding only")
}

// objects reads what is to be written and what is there, nil for a create.
func objects[T any, P interface {
	*T
	runtime.Object
}](decoder admission.Decoder, req admission.Request) (before, after P, err error) {
	after = P(new(T))
	if err := decoder.Decode(req, after); err != nil {
		return nil, nil, fmt.Errorf("reading the object: %w", err)
	}
	if req.Operation == admissionv1.Create {
		return nil, after, nil
	}
	before = P(new(T))
	if err := decoder.DecodeRaw(req.OldObject, before); err != nil {
		return nil, nil, fmt.Errorf("reading the object as it was: %w", err)
	}
	return before, after, nil
}
