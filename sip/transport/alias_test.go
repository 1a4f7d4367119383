package transport

import (
	"net/netip"
	"testing"
	"testing/synctest"
)

// A peer that says so takes our requests on the streams that it opened: on the
// newest that is alive. What ended, or is about to, is never chosen.
func TestNewestLivingStreamIsReused(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		listens := netip.MustParseAddrPort("10.0.0.7:5060")
		var conns []interface{ Close() error }
		for _, from := range []string{"10.0.0.7:40001", "10.0.0.7:40002", "10.0.0.7:40003"} {
			c := w.dial(t, from)
			write(t, c, options)
			w.messages()
			conns = append(conns, c)
		}
		first, second, third := w.flows[0], w.flows[1], w.flows[2]
		want := func(what string, f *Flow) {
			t.Helper()
			synctest.Wait()
			got, err := w.Flow(t.Context(), TCP, listens)
			if got != f || (f == nil) == (err == nil) {
				t.Errorf("%s: %v, %v", what, got, err)
			}
		}
		want("nobody said that it stands for the listener", nil)
		w.Alias(second, 5060)
		w.Alias(first, 5060)
		w.Alias(first, 5060)
		want("two that do", second)
		w.Alias(third, 5061) // another port
		want("one for another port", second)
		w.Alias(third, 5060)
		want("three", third)
		// It takes nothing more, and only writes what is left.
		third.stream.mu.Lock()
		third.stream.endLocked(ErrFlowClosed)
		third.stream.mu.Unlock()
		want("the newest is about to end", second)
		conns[1].Close()
		w.ended()
		want("the second has ended", first)
		conns[0].Close()
		w.ended()
		want("none is left", nil)
		w.Alias(first, 5060) // too late
		want("an alias for a stream that has ended", nil)
		conns[2].Close()
		w.ended()
		w.Layer.mu.Lock()
		defer w.Layer.mu.Unlock()
		if len(w.aliases) != 0 || len(w.peers) != 0 {
			t.Errorf("kept: %v, %v", w.aliases, w.peers)
		}
	})
}
