package roster

import (
	"slices"
	"sync"
	"sync/atomic"

	"lamplight/presence"
)

// Watch calls f with every snapshot published from now on, in order for one
// agent, on its shard: f must only take note and return. The returned function
// ends the watch; when it returns, f is not running and will not run again. It
// must not be called from f.
func (r *Roster) Watch(f func(*presence.Snapshot)) (stop func()) { return r.watchers.add(f) }

type watcher struct {
	mu      sync.RWMutex // held for reading while f runs
	stopped bool         // guarded by mu
	f       func(*presence.Snapshot)
}

// watchers are read by every shard and rarely changed.
type watchers struct {
	mu  sync.Mutex // serialises changes
	all atomic.Pointer[[]*watcher]
}

func (ws *watchers) add(f func(*presence.Snapshot)) (stop func()) {
	w := &watcher{f: f}
	ws.change(func(all []*watcher) []*watcher { return append(all, w) })
	return func() {
		ws.change(func(all []*watcher) []*watcher {
			return slices.DeleteFunc(all, func(o *watcher) bool { return o == w })
		})
		w.mu.Lock()
		w.stopped = true
		w.mu.Unlock()
	}
}

func (ws *watchers) change(f func([]*watcher) []*watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	var all []*watcher
	if p := ws.all.Load(); p != nil {
		all = slices.Clone(*p)
	}
	all = f(all)
	ws.all.Store(&all)
}

func (ws *watchers) tell(s *presence.Snapshot) {
	p := ws.all.Load()
	if p == nil {
		return
	}
	for _, w := range *p {
		w.mu.RLock()
		if !w.stopped {
			w.f(s)
		}
		w.mu.RUnlock()
	}
}
