package serve

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/source"
)

// document answers the routes that hold no secret. The answer is made anew from what the node's service says: nothing
// of the client's request is passed on but the canonical path, the version and the format.
func (p *Proven) document(ctx context.Context, w http.ResponseWriter, note *record, request imds.Request) {
	switch {
	case request.Route == imds.RouteVersions:
		p.write(w, note, ResultDocument, imds.ContentTypeJSON, imds.VersionsBody())
		return
	case request.Route == imds.RouteInstance && p.BlockInstance:
		note.fail(w, ResultNotEntitled, imds.Forbidden("Request blocked by AAD Pod Identity NMI"), "")
		return
	}
	document, known := p.documents.known(request)
	var err error
	if !known {
		done, ok := p.limits.waitAmong(note.sandbox.UID, documentsPerPod)
		if !ok {
			note.fail(w, ResultLimited, imds.TooMany(time.Second), "too many requests of the pod wait for documents")
			return
		}
		document, err = p.documents.get(ctx, request, func(ctx context.Context) (source.Document, error) {
			if request.Route == imds.RouteIdentityInfo {
				return p.Source.Info(ctx)
			}
			return p.Source.Instance(ctx, request)
		})
		done()
	}
	if err != nil {
		refused := sourceRefusal(err)
		note.fail(w, refused.result, refused.answer, refused.reason)
		return
	}
	if !p.Prover.Still(note.from.origin, note.sandbox) {
		w.Header().Set("Connection", "close")
		note.fail(w, ResultGone, imds.Forbidden("The caller could not be proven"), "the pod went away meanwhile")
		return
	}
	contentType := imds.ContentTypeJSON
	if document.Text {
		contentType = "text/plain; charset=utf-8"
	}
	p.write(w, note, ResultDocument, contentType, document.Body)
}

// documents keeps answers for a moment: the service allows a node five requests a second, and pods start in crowds.
type documents struct {
	clock   clock.PassiveClock
	flights singleflight.Group

	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	document source.Document
	until    time.Time
}

const (
	keepDocument    = 5 * time.Second
	maxDocuments    = 128
	documentsPerPod = 8 // being fetched at a time: paths are named by callers, and the service is slow to answer many
)

func newDocuments(clk clock.PassiveClock) *documents {
	return &documents{clock: clk, kept: map[string]kept{}}
}

func documentKey(request imds.Request) string {
	return request.Path + " " + request.APIVersion + " " + request.Format
}

func (d *documents) known(request imds.Request) (source.Document, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.kept[documentKey(request)]
	return known.document, ok && d.clock.Now().Before(known.until)
}

func (d *documents) get(ctx context.Context, request imds.Request, fetch func(context.Context) (source.Document, error)) (source.Document, error) {
	key := documentKey(request)
	flight := d.flights.DoChan(key, func() (any, error) {
		const longest = 20 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest) // others may be waiting too
		defer cancel()
		document, err := fetch(ctx)
		if err == nil {
			d.keep(key, document)
		}
		return document, err
	})
	select {
	case result := <-flight:
		document, _ := result.Val.(source.Document)
		return document, result.Err
	case <-ctx.Done():
		return source.Document{}, errors.New("the client left")
	}
}

func (d *documents) keep(key string, document source.Document) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.kept) >= maxDocuments {
		clear(d.kept)
	}
	d.kept[key] = kept{document: document, until: d.clock.Now().Add(keepDocument)}
}
