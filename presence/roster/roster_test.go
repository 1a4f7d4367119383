package roster

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a roster over a store in memory, with a domain of a few agents.
type bench struct {
	t      testing.TB
	store  *sim.Store
	dir    *directory.Directory
	roster *Roster
	domain presence.DomainID
	agents []presence.AgentID
	o      Options
	down   time.Duration // how long a restart takes
	so     sim.Options
}

// newBench is made inside the test's synctest bubble.
func newBench(t testing.TB, policy presence.Policy, agents int, so sim.Options) *bench {
	t.Helper()
	b := &bench{t: t, store: sim.New(so), o: Options{Shards: 4}, domain: presence.DomainID{ID: presence.NewID()}, so: so}
	var err error
	b.dir, err = directory.Open(t.Context(), b.store)
	b.ok(err)
	e := directory.Edit{Domains: []presence.Domain{{ID: b.domain, Names: []string{"demo.test"}, Realm: "demo.test", Policy: policy}}}
	for i := range agents {
		id := presence.AgentID{ID: presence.NewID()}
		b.agents = append(b.agents, id)
		e.Agents = append(e.Agents, presence.Agent{ID: id, Domain: b.domain, Number: fmt.Sprint(1001 + i), Name: fmt.Sprint("Agent ", 1001+i)})
	}
	b.ok(b.dir.Apply(t.Context(), e))
	b.open()
	return b
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) open() {
	b.t.Helper()
	b.o.Store, b.o.Directory = b.store, b.dir
	var err error
	b.roster, err = Open(b.t.Context(), b.o)
	b.ok(err)
}

// close ends the roster and the store.
func (b *bench) close() {
	b.ok(b.roster.Close())
	b.ok(b.store.Close())
}

// restart closes everything, or has it crash, and opens it anew.
func (b *bench) restart(crash bool) {
	b.t.Helper()
	if crash {
		b.store.Crash()
		b.ok(b.roster.Close())
	} else {
		b.close()
	}
	time.Sleep(b.down)
	var err error
	b.store, err = b.store.Reopen(b.so)
	b.ok(err)
	b.dir, err = directory.Open(b.t.Context(), b.store)
	b.ok(err)
	b.open()
}

func (b *bench) do(c presence.Cause, ops ...Op) *presence.Snapshot {
	b.t.Helper()
	s, err := b.roster.Do(b.t.Context(), b.agents[0], Change{Cause: c, Actor: "test", Ops: ops})
	b.ok(err)
	return s
}

func (b *bench) snapshot() *presence.Snapshot {
	b.t.Helper()
	s, ok := b.roster.Snapshot(b.agents[0])
	if !ok {
		b.t.Fatal("no snapshot")
	}
	return s
}

// team is the label the team sees, as text.
func (b *bench) team() string { return b.snapshot().Team.Text() }

func (b *bench) want(team, own string, cause presence.Cause) {
	b.t.Helper()
	s := b.snapshot()
	if s.Team.Text() != team || s.Own.Text() != own {
		b.t.Errorf("team sees %s, agent %s; want %s and %s", s.Team.Text(), s.Own.Text(), team, own)
	}
	if cause != "" && s.Team.Cause != cause {
		b.t.Errorf("cause %q, want %q", s.Team.Cause, cause)
	}
}

// log lists the change log's entries of the first agent, as "kind cause".
func (b *bench) log(kind string) []store.Entry {
	b.t.Helper()
	l, err := b.store.Log(b.t.Context(), store.LogQuery{Kind: kind, Entity: b.agents[0].String()})
	b.ok(err)
	return l
}

func webphone(id string) PutSession {
	return PutSession{presence.Session{ID: id, Client: "web", State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true}}
}

func closed(id string) PutSession {
	s := webphone(id)
	s.State = presence.SessionClosed
	return s
}

func desk(id string, expires time.Duration) PutRegistration {
	return PutRegistration{presence.Registration{
		ID: id, Kind: presence.KindDesk, Contact: "sip:1001@192.0.2.1", Transport: "UDP", Source: "192.0.2.1:5060",
		Alive: true, Expires: time.Now().Add(expires),
	}}
}

func campaignLeg(id, call string, state presence.LegState) PutLeg {
	return PutLeg{presence.Leg{
		ID: id, Call: call, Source: "proxy", Direction: presence.Inbound, Kind: presence.CallCampaign, State: state,
	}}
}

func TestNeverHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 3, sim.Options{})
		defer b.close()
		b.want("Offline", "Offline", "")
		// Rule 22: no cause, because nothing has changed; and none is made up by
		// what changes nothing that is shown.
		made := b.snapshot().Team.Since
		time.Sleep(time.Hour)
		b.do(presence.CauseAgent, Select{presence.SelectDND})
		if s := b.snapshot(); s.Team.Cause != "" || !s.Team.Since.Equal(made) || !s.Own.Since.Equal(made) {
			t.Errorf("team %+v, own %+v; want no cause, since %v", s.Team, s.Own, made)
		}
		b.do(presence.CauseLogin, webphone("tab"))
		b.want("Do Not Disturb", "Do Not Disturb", presence.CauseLogin)
		if _, ok := b.roster.Snapshot(presence.AgentID{ID: presence.NewID()}); ok {
			t.Error("a snapshot of an agent nobody knows")
		}
		var numbers []string
		b.roster.Each(b.domain, func(s *presence.Snapshot) bool {
			numbers = append(numbers, s.Number)
			return len(numbers) < 2
		})
		if fmt.Sprint(numbers) != "[1001 1002]" {
			t.Errorf("Each went through %v", numbers)
		}
	})
}

func TestDayOfAnAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		b.do(presence.CauseLogin, webphone("tab"))
		b.want("Available", "Available", presence.CauseLogin)
		b.do(presence.CauseCallStart, campaignLeg("l1", "c1", presence.LegRinging))
		b.want("Available", "Available", presence.CauseLogin)
		b.do(presence.CauseCallStart, campaignLeg("l1", "c1", presence.LegTalking))
		b.want("On a Call", "On a Call", presence.CauseCallStart)
		b.do(presence.CauseCallEnd, EndLeg{"l1"})
		b.want("Wrap Up", "Wrap Up", presence.CauseWrapUpStart)
		time.Sleep(30*time.Second - time.Millisecond)
		synctest.Wait()
		b.want("Wrap Up", "Wrap Up", presence.CauseWrapUpStart)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		b.want("Available", "Available", presence.CauseWrapUpExpired)
		b.do(presence.CauseAgent, Select{presence.SelectDND})
		b.want("Do Not Disturb", "Do Not Disturb", presence.CauseAgent)
		b.do(presence.CauseLogout, Logout{})
		b.want("Offline", "Offline", presence.CauseLogout)
		var got []string
		for _, kind := range []string{"status", "wrap-up", "selection"} {
			for _, e := range b.log(kind) {
				got = append(got, kind+" "+e.Cause)
			}
		}
		want := "[status login status call-start status wrap-up-start status wrap-up-expired status agent status logout " +
			"wrap-up wrap-up-start wrap-up wrap-up-expired selection agent]"
		if fmt.Sprint(got) != want {
			t.Errorf("change log:\n got %v\nwant %v", got, want)
		}
	})
}
