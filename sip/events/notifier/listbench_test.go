package notifier

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"lamplight/presence/lists"
)

// watchTeam adds subscriptions to a team as a restart would.
func (x *bench) watchTeam(team string, watchers int) {
	now := stampOf(time.Now())
	ref := lists.Ref{Domain: x.rig.domain(), Team: team}
	for j := range watchers {
		s := &subscription{entity: "sip:team-" + team + "@ex.test", tag: uint64(len(x.subs) + 1), owner: watcherID(x.rig.device("201").ID),
			telling: &telling{ref: ref}, remote: x.to, until: now + 3600, stored: now + 7200, period: 3600, boot: 1}
		s.setHead(&dialog{target: fmt.Sprintf("sip:%d@%s", 2000+j, x.to), callID: fmt.Sprintf("%012x@192.0.2.17", len(x.subs)), event: "dialog",
			local:  fmt.Sprintf("<%s>;tag=%s", s.entity, tagText(s.tag)),
			remote: fmt.Sprintf(`"Agent %d" <sip:%d@ex.test>;tag=8f7a6b5c4d`, j, 2000+j), remoteTag: "8f7a6b5c4d"})
		s.startNumbers(1)
		x.n.restore(s, ref.ID(), now)
		x.subs = append(x.subs, s)
	}
	x.n.mark(x.n.people.find(ref.ID()))
}

// settled waits until every watcher was told everything.
func (x *bench) settled() {
	for {
		x.settle()
		more := false
		for _, s := range x.subs {
			s.pres.mu.Lock()
			more = more || s.telling.more() || s.inflight != 0 || !s.pres.roll.known
			s.pres.mu.Unlock()
		}
		if !more {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// BenchmarkNotifyList is one NOTIFY with its 200 to a watcher of a list, of which
// one member changed: it costs the same whatever the list's length. B/member is
// what a subscription keeps of each.
func BenchmarkNotifyList(b *testing.B) {
	for _, members := range []int{20, 200} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			const watchers = 200
			x := newBench(b, 0, 0)
			x.rig.crowd("big", members)
			for i := range members {
				x.agents = append(x.agents, x.rig.agents[fmt.Sprint(5000+i)])
			}
			var before, after runtime.MemStats
			x.watchTeam("big", 1)
			x.settled()
			runtime.GC()
			runtime.ReadMemStats(&before)
			x.watchTeam("big", watchers-1)
			x.settled()
			runtime.GC()
			runtime.ReadMemStats(&after)
			all := x.agents
			rounds := (b.N + watchers - 1) / watchers
			b.ReportAllocs()
			b.ResetTimer()
			start := cpu()
			for i := range rounds {
				x.agents = all[i%members : i%members+1]
				x.change(uint64(i/members + 1))
				x.settled()
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/float64(rounds*watchers), "cpu-µs/notify")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64((watchers-1)*members), "B/member")
		})
	}
}
