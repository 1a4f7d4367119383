// Package watch hands committed changes to whoever watches a space.
//
// One goroutine, the engine's writer, publishes; changes reach a watcher in the
// order of publication. A watcher that has Bound changes unread when another
// comes loses its watch, so a slow reader costs bounded memory and never holds
// up a commit.
package watch

import (
	"context"
	"sync"

	"lamplight/store"
)

// Bound is how many changes may wait for a watcher.
const Bound = 4096

// Hub is safe for concurrent use.
type Hub struct {
	mu     sync.Mutex
	spaces map[string]map[*watcher]struct{} // guarded by mu; nil once closed
}

type watcher struct {
	ch   chan store.Change
	stop func() bool // unhooks the watcher from its context
}

// New makes a hub without watchers.
func New() *Hub { return &Hub{spaces: make(map[string]map[*watcher]struct{})} }

// Watch begins a watch of the space. On a closed hub, or with an ended context,
// the channel is closed already.
func (h *Hub) Watch(ctx context.Context, space string) <-chan store.Change {
	w := &watcher{ch: make(chan store.Change, Bound)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.spaces == nil || ctx.Err() != nil {
		close(w.ch)
		return w.ch
	}
	if h.spaces[space] == nil {
		h.spaces[space] = make(map[*watcher]struct{})
	}
	h.spaces[space][w] = struct{}{}
	w.stop = context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.dropLocked(space, w)
	})
	return w.ch
}

// Publish tells the watchers of its space of each change.
func (h *Hub) Publish(changes []store.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.spaces) == 0 {
		return
	}
	for i := range changes {
		space := changes[i].Space
		for w := range h.spaces[space] {
			select {
			case w.ch <- changes[i]:
			default:
				h.dropLocked(space, w)
			}
		}
	}
}

// Close ends every watch.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for space, ws := range h.spaces {
		for w := range ws {
			h.dropLocked(space, w)
		}
	}
	h.spaces = nil
}

// dropLocked ends a watch that may have ended already.
func (h *Hub) dropLocked(space string, w *watcher) {
	if _, ok := h.spaces[space][w]; !ok {
		return
	}
	w.stop()
	close(w.ch)
	delete(h.spaces[space], w)
	if len(h.spaces[space]) == 0 {
		delete(h.spaces, space)
	}
}
