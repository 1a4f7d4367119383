package webrtc

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/store/sim"
	"lamplight/webrtc/signalling"
)

// TestWithTheRoster goes through a page's day with the real roster, directory
// and a store in memory: what the team sees, and whether a call would ring.
func TestWithTheRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 1)
		a := h.agents[0]
		st := sim.New(sim.Options{})
		defer st.Close()
		dir, err := directory.Open(t.Context(), st)
		if err != nil {
			t.Fatal(err)
		}
		a.Number = "1001"
		err = dir.Apply(t.Context(), directory.Edit{
			Domains: []presence.Domain{{ID: a.Domain, Names: []string{"demo.test"}, Realm: "demo.test"}},
			Agents:  []presence.Agent{*a},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := roster.Open(t.Context(), roster.Options{Store: st, Directory: dir, Shards: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		o := trusting()
		o.Roster, o.Directory = r, dir
		l := openLab(t, h, o)
		defer l.srv.Close() // before the roster

		want := func(when string, team presence.Status, target bool) {
			t.Helper()
			synctest.Wait()
			s, _ := r.Snapshot(a.ID)
			ring := false
			for _, d := range s.Devices {
				ring = ring || d.Kind == presence.KindWebphone && d.Enabled && d.Reachable
			}
			if s.Team.Status != team || ring != target {
				t.Fatalf("%s: the team sees %s, target %v; want %s, %v (%s; %s; %+v)",
					when, s.Team.Status, ring, team, target, s.OfflineWhy, s.Why, s.Sessions)
			}
		}
		want("at first", presence.StatusOffline, false)
		p := l.login("t1")
		want("logged in", presence.StatusAvailable, true)
		s, _ := r.Snapshot(a.ID)
		since := s.Team.Since
		time.Sleep(time.Minute)

		w := p.greeting()
		p.vanish()
		want("tab closed", presence.StatusAvailable, false)
		time.Sleep(3 * time.Second)
		p = l.open(signalling.In{Resume: w.Resume, Lead: true, Epoch: w.Epoch, Mic: &signalling.Claim{Perm: "granted"}})
		want("reloaded", presence.StatusAvailable, true)
		p.claim(granted())
		if s, _ := r.Snapshot(a.ID); !s.Team.Since.Equal(since) {
			t.Errorf("a reload reset the duration: since %v, was %v", s.Team.Since, since)
		}

		p.freeze(true)
		time.Sleep(2500 * time.Millisecond)
		want("frozen for 2.5 s", presence.StatusAvailable, false)
		time.Sleep(2500 * time.Millisecond)
		want("frozen for 5 s", presence.StatusOffline, false)
		if s, _ := r.Snapshot(a.ID); s.Team.Cause != presence.CauseWebphoneQuiet {
			t.Errorf("cause %s", s.Team.Cause)
		}

		p = l.login("t2")
		want("back", presence.StatusAvailable, true)
		p.claim(signalling.Claim{Perm: "denied"})
		want("microphone denied", presence.StatusOffline, false)
		p.claim(granted())
		want("microphone allowed", presence.StatusAvailable, true)

		if _, err := r.Do(context.Background(), a.ID, roster.Change{
			Cause: presence.CauseSupervisor, Ops: []roster.Op{roster.Logout{}},
		}); err != nil {
			t.Fatal(err)
		}
		want("logged out by a supervisor", presence.StatusOffline, false)
		if c := p.gone(); c != signalling.CloseLoggedOut {
			t.Errorf("close code %d", c)
		}

		p = l.login("t3")
		want("third login", presence.StatusAvailable, true)
		st.FailNext(1)
		p.vanish()
		time.Sleep(7 * time.Second)
		want("tab closed while the disk failed once", presence.StatusOffline, false)
	})
}
