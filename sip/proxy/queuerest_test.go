package proxy_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/siptest"
)

// A member who has rested and is still not asked, for he knows too little, does not
// have the caller look for him without a pause.
func TestQueueLooksNoMoreForWhoHasRested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard(t)
		s.phone("1001", "10.0.0.21:5060", false)
		s.phone("1002", "10.0.0.22:5060", false)
		g := s.group(presence.Group{Level: 5, Queue: presence.Queue{Size: 5}}) // 1001 has 1, 1002 has 9
		s.talks("1002")
		s.board.Missed(s.domain, g.ID, s.agent("1001"), time.Now().Add(time.Second))
		s.waits(siptest.NewPeer(t, s.net, pbx, server), 1)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if n := after.Mallocs - before.Mallocs; n > 50_000 {
			t.Errorf("%d allocations in 20 seconds of waiting", n)
		}
	})
}
