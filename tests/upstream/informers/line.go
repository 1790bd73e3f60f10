package main

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

// line is the connection of one informer, which can be cut and made to ask for the past.
type line struct {
	next http.RoundTripper
	// lists and streams count how often everything was asked for.
	lists, streams atomic.Int32

	mu      sync.Mutex
	watches []*cuttable
	// gate is closed while watches may begin.
	gate chan struct{}
	// past makes the next watch begin at version 1.
	past bool
}

func newLine(config *rest.Config) (*line, *rest.Config) {
	l := &line{gate: make(chan struct{})}
	close(l.gate)
	wrapped := rest.CopyConfig(config)
	wrapped.Wrap(func(next http.RoundTripper) http.RoundTripper {
		l.next = next
		return l
	})
	return l, wrapped
}

func (l *line) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	if query.Get("watch") == "" {
		l.lists.Add(1)
		return l.next.RoundTrip(request)
	}
	if query.Get("sendInitialEvents") == "true" {
		l.streams.Add(1)
	} else {
		l.mu.Lock()
		gate := l.gate
		l.mu.Unlock()
		select {
		case <-gate:
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
		l.mu.Lock()
		if l.past {
			l.past = false
			request = request.Clone(request.Context())
			query.Set("resourceVersion", "1")
			request.URL.RawQuery = query.Encode()
		}
		l.mu.Unlock()
	}
	response, err := l.next.RoundTrip(request)
	if err == nil {
		body := &cuttable{ReadCloser: response.Body}
		response.Body = body
		l.mu.Lock()
		l.watches = append(l.watches, body)
		l.mu.Unlock()
	}
	return response, err
}

// cut ends all watches, and no other one begins before mend.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate = make(chan struct{})
	for _, watch := range l.watches {
		watch.cut.Store(true)
		watch.Close()
	}
	l.watches = nil
}

// mend lets watches begin, the first of them at version 1.
func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.past = true
	close(l.gate)
}

// askedPast is whether the watch at version 1 was begun.
func (l *line) askedPast() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.past
}

// cuttable is a body that can be made to end in order.
type cuttable struct {
	io.ReadCloser
	cut atomic.Bool
}

func (c *cuttable) Read(into []byte) (int, error) {
	n, err := c.ReadCloser.Read(into)
	if err != nil && c.cut.Load() {
		return n, io.EOF
	}
	return n, err
}
