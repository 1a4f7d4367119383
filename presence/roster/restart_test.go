package roster

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store/sim"
)

func TestVersionsGrowAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 2, sim.Options{})
		var last [2]uint64
		grown := func(what string) {
			t.Helper()
			for i, id := range b.agents {
				s, _ := b.roster.Snapshot(id)
				if s.Version <= last[i] {
					t.Errorf("%s: version %x after %x", what, s.Version, last[i])
				}
				last[i] = s.Version
			}
		}
		for boot := range 4 {
			if b.roster.Boot() != uint32(boot+1) {
				t.Errorf("boot %d, want %d", b.roster.Boot(), boot+1)
			}
			grown("opened")
			for range 3 {
				b.do(presence.CauseLogin, webphone("tab"))
				b.do(presence.CauseLogout, Logout{})
			}
			s := b.snapshot().Version
			if s <= last[0] {
				t.Errorf("version %x after %x", s, last[0])
			}
			last[0] = s
			b.restart(boot%2 == 1)
		}
		b.close()
	})
}

// TestRestart says what the team is shown after a restart, at once and when the
// time to resume is over.
func TestRestart(t *testing.T) {
	login := func(b *bench) { b.do(presence.CauseLogin, webphone("tab")) }
	talking := func(b *bench) {
		login(b)
		b.do(presence.CauseCallStart, campaignLeg("l", "c", presence.LegTalking))
	}
	for name, c := range map[string]struct {
		before, after func(*bench)
		down          time.Duration
		at0           string
		at10          string
		cause         presence.Cause
		since         bool // the duration goes on
		entries       int  // new status entries
	}{
		"webphone comes back": {before: login, at0: "Available",
			after: func(b *bench) { time.Sleep(2 * time.Second); login(b) },
			at10:  "Available", cause: presence.CauseLogin, since: true},
		"webphone stays away": {before: login, at0: "Available", at10: "Offline", cause: presence.CauseRestart, entries: 1},
		"webphone comes with its microphone denied": {before: login, at0: "Available",
			after: func(b *bench) {
				s := webphone("tab2")
				s.Mic = presence.MicDenied
				b.do("", s)
			}, at10: "Offline", cause: presence.CauseRestart, entries: 1},
		"logged out while resuming": {before: login, at0: "Available",
			after: func(b *bench) { b.do(presence.CauseLogout, Logout{}) },
			at10:  "Offline", cause: presence.CauseLogout, entries: 1},
		"do not disturb": {
			before: func(b *bench) { login(b); b.do(presence.CauseAgent, Select{presence.SelectDND}) },
			at0:    "Do Not Disturb", after: login, at10: "Do Not Disturb", cause: presence.CauseAgent, since: true},
		"offline": {before: func(b *bench) { login(b); b.do(presence.CauseLogout, Logout{}) },
			at0: "Offline", at10: "Offline", cause: presence.CauseLogout, since: true},
		"in wrap-up": {before: func(b *bench) { talking(b); b.do("", EndLeg{"l"}) }, down: 5 * time.Second,
			at0: "Wrap Up", after: login, at10: "Wrap Up", cause: presence.CauseWrapUpStart, since: true},
		"wrap-up over meanwhile": {before: func(b *bench) { talking(b); b.do("", EndLeg{"l"}) }, down: time.Minute,
			at0: "Available", after: login, at10: "Available", cause: presence.CauseWrapUpExpired, entries: 1},
		"call goes on": {before: talking, at0: "Available",
			after: func(b *bench) {
				b.do(presence.CauseRestart, campaignLeg("l", "c", presence.LegTalking))
				login(b)
			}, at10: "On a Call", cause: presence.CauseCallStart, since: true},
		"call lost": {before: talking, at0: "Available", after: login, at10: "Available", cause: presence.CauseRestart, entries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, presence.Policy{}, 1, sim.Options{})
				c.before(b)
				time.Sleep(time.Second)
				since, entries := b.snapshot().Team.Since, len(b.log("status"))
				b.down = c.down
				for range 2 { // the second restart comes before the first is settled
					b.restart(false)
				}
				if s := b.snapshot(); s.Team.Text() != c.at0 || s.Reachable {
					t.Errorf("at once: %s, reachable %v; want %s and not", s.Team.Text(), s.Reachable, c.at0)
				}
				if n := len(b.snapshot().Sessions); n != 0 {
					t.Errorf("%d sessions after the restart", n)
				}
				if c.after != nil {
					c.after(b)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				s := b.snapshot()
				if s.Team.Text() != c.at10 || s.Team.Cause != c.cause {
					t.Errorf("later: %s because of %s; want %s because of %s", s.Team.Text(), s.Team.Cause, c.at10, c.cause)
				}
				if s.Team.Since.Equal(since) != c.since {
					t.Errorf("since %s, was %s; should go on: %v", s.Team.Since, since, c.since)
				}
				if n := len(b.log("status")) - entries; n != c.entries {
					t.Errorf("%d new status entries, want %d", n, c.entries)
				}
				b.close()
			})
		})
	}
}

func TestDirectoryIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 2, sim.Options{})
		defer func() { b.close() }()
		b.do(presence.CauseLogin, webphone("tab"))
		edit := func(e directory.Edit) {
			t.Helper()
			b.ok(b.dir.Apply(t.Context(), e))
			synctest.Wait()
		}
		a, _ := b.dir.Agent(b.agents[0])
		renamed := *a
		renamed.Name, renamed.Number, renamed.AORs = "Ada", "2001", nil
		edit(directory.Edit{Agents: []presence.Agent{renamed}})
		if s := b.snapshot(); s.Name != "Ada" || s.Number != "2001" || s.AOR != "2001@demo.test" {
			t.Errorf("renamed: %s %s %s", s.Name, s.Number, s.AOR)
		}

		renamed.Settings = presence.Settings{Saved: &presence.Options{Webphone: true}}
		edit(directory.Edit{Agents: []presence.Agent{renamed}})
		b.want("Outbound Calls Only", "Outbound Calls Only", presence.CauseOptionsOff)
		b.do(presence.CauseAgent, SetOptions{presence.Options{Mobile: true}})
		renamed.Name = "Ada L."
		edit(directory.Edit{Agents: []presence.Agent{renamed}}) // says nothing new of settings
		if o := b.snapshot().Settings.Options; !o.Mobile {
			t.Error("a new name took the agent's own options away")
		}
		renamed.Settings = presence.Settings{Options: presence.Options{SIPPhone: true}}
		edit(directory.Edit{Agents: []presence.Agent{renamed}})
		if o := b.snapshot().Settings.Options; o.Mobile || !o.SIPPhone {
			t.Errorf("an administrator's newer options did not win: %+v", o)
		}

		dom, _ := b.dir.Domain(b.domain)
		changed := *dom
		changed.Policy.Statuses = []presence.Custom{{Name: "Lunch"}}
		edit(directory.Edit{Domains: []presence.Domain{changed}})
		b.do(presence.CauseAgent, Select{presence.SelectCustom("Lunch")})
		changed.Policy.Statuses = nil
		edit(directory.Edit{Domains: []presence.Domain{changed}})
		b.want("Do Not Disturb", "Do Not Disturb", "") // as rules say of a status that is gone

		version := b.snapshot().Version
		edit(directory.Edit{DeleteAgents: []presence.AgentID{b.agents[0]}})
		if _, ok := b.roster.Snapshot(b.agents[0]); ok {
			t.Error("a deleted agent still has a snapshot")
		}
		edit(directory.Edit{Agents: []presence.Agent{renamed}})
		if s := b.snapshot(); s.Version <= version || s.Selected.Status != presence.SelectAvailable {
			t.Errorf("made again: version %x after %x, selected %s", s.Version, version, s.Selected.Status)
		}
	})
}

func TestDeviceMovesToAnotherAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 2, sim.Options{})
		defer b.close()
		dev := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: b.domain, Kind: presence.KindDesk}
		start := time.Now()
		first := presence.Assignment{Device: dev.ID, Agent: b.agents[0], From: start}
		b.ok(b.dir.Apply(t.Context(), directory.Edit{Devices: []presence.Device{dev}, Assignments: []presence.Assignment{first}}))
		r := desk("r", time.Hour)
		r.Device = dev.ID
		b.do("", r, desk("other", time.Hour))
		time.Sleep(time.Minute)
		first.To = time.Now()
		second := presence.Assignment{Device: dev.ID, Agent: b.agents[1], From: time.Now()}
		b.ok(b.dir.Apply(t.Context(), directory.Edit{Assignments: []presence.Assignment{first, second}}))
		synctest.Wait()
		if d := b.snapshot().Devices; len(d) != 1 || d[0].ID != "other" {
			t.Errorf("devices left: %+v", d)
		}
		_, err := b.roster.Do(t.Context(), b.agents[1], Change{Ops: []Op{r}})
		b.ok(err)
		b.ok(b.dir.Apply(t.Context(), directory.Edit{DeleteDevices: []presence.DeviceID{dev.ID}}))
		synctest.Wait()
		if s, _ := b.roster.Snapshot(b.agents[1]); len(s.Devices) != 0 {
			t.Errorf("devices left after the deletion: %+v", s.Devices)
		}
	})
}

func TestBare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		id := b.roster.Bare(b.domain, "slot1@demo.test")
		leg := PutLeg{presence.Leg{ID: "l", Direction: presence.Inbound, State: presence.LegTalking, Expires: time.Now().Add(time.Hour)}}
		s, err := b.roster.Do(t.Context(), id, Change{Ops: []Op{leg}})
		b.ok(err)
		if !s.Bare || s.AOR != "slot1@demo.test" || !s.Engaged || len(s.Watch.Dialogs) != 1 {
			t.Errorf("got %+v", s)
		}
		before := s.Version
		time.Sleep(time.Minute)
		if b.roster.Bare(b.domain, "slot1@demo.test") != id {
			t.Error("the same address has another id")
		}
		_, err = b.roster.Do(t.Context(), id, Change{Ops: []Op{EndLeg{"l"}}})
		b.ok(err)
		time.Sleep(bareLinger)
		synctest.Wait()
		if _, ok := b.roster.Snapshot(id); ok {
			t.Error("it was not forgotten")
		}
		b.roster.Bare(b.domain, "slot1@demo.test")
		if s, _ := b.roster.Snapshot(id); s.Version <= before {
			t.Errorf("version %x after %x", s.Version, before)
		}
		if l, err := b.store.Get(t.Context(), stateKey(b.domain, id)); err == nil {
			t.Errorf("a record was kept: %s", l.Data)
		}
		time.Sleep(2 * bareLinger)
		synctest.Wait()
		if n := b.roster.bares.Load(); n != 0 {
			t.Errorf("%d bare addresses are left", n)
		}
	})
}

func TestBareIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		b.ok(b.roster.Close())
		b.o.MaxBare = 1
		b.open()
		defer b.close()
		one, two := b.roster.Bare(b.domain, "slot1@demo.test"), b.roster.Bare(b.domain, "slot2@demo.test")
		if _, ok := b.roster.Snapshot(one); !ok {
			t.Error("the first is unknown")
		}
		if _, ok := b.roster.Snapshot(two); ok {
			t.Error("the second is beyond the limit and known")
		}
	})
}

// TestRestoredPhonesKeepTheirStatus: where phones make online, the label of
// before a restart is back as soon as the registrar has said again what it knew,
// and nothing is entered; with a phone that is not restored it is Offline.
func TestRestoredPhonesKeepTheirStatus(t *testing.T) {
	for name, restored := range map[string]bool{"restored": true, "gone": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, presence.Policy{OnlineBy: presence.OnlineByAnyDevice}, 1, sim.Options{})
				r := desk("r", time.Hour)
				since := b.do(presence.CauseLogin, r).Team.Since
				b.down = time.Minute
				entries := len(b.log("status"))
				b.restart(true)
				writes := b.store.Stats().Batches
				if restored {
					r.Restored = true
					b.do(presence.CauseRestart, r)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				added := len(b.log("status")) - entries
				if s := b.snapshot(); restored {
					if s.Team.Text() != "Available" || !s.Team.Since.Equal(since) || s.Team.Cause != presence.CauseLogin || added != 0 {
						t.Errorf("%+v, %d new entries", s.Team, added)
					}
					if n := b.store.Stats().Batches - writes; n != 0 {
						t.Errorf("%d batches were written", n)
					}
				} else if s.Team.Text() != "Offline" || s.Team.Cause != presence.CauseRestart || added != 1 {
					t.Errorf("%+v, %d new entries", s.Team, added)
				}
				b.close()
			})
		})
	}
}
