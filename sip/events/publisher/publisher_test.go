package publisher

import (
	"context"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/transport"
)

func TestPresenceOfEveryAgentIsToldAndChangesFollow(t *testing.T) {
	bubble(t, 2, nil, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.sees(Presence, 0, "Offline")
		r.sees(Presence, 1, "Offline")
		r.up.took()
		r.set(0, "Available")
		settle(100 * time.Millisecond)
		r.sees(Presence, 0, "Available")
		r.set(0, "Available") // nothing a watcher could see
		settle(time.Second)
		r.wants("presence 1001 change Available")
	})
}

func TestDialogsAreToldWhileThereAreCalls(t *testing.T) {
	bubble(t, 2, func(u *Upstream) { u.Events = []string{Dialog}; u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		settle(time.Minute)
		r.wants()
		r.set(0, "Available", "a:early")
		settle(100 * time.Millisecond)
		r.set(0, "On a Call", "a:confirmed")
		settle(100 * time.Millisecond)
		r.set(0, "Available")
		settle(5 * time.Second)
		r.sees(Dialog, 0, "a:terminated")
		r.set(0, "Available", "b:early") // soon after: not under the old tag
		settle(100 * time.Millisecond)
		r.sees(Dialog, 0, "b:early")
		r.set(0, "Available")
		settle(9 * time.Second)
		r.sees(Dialog, 0, "b:terminated")
		settle(10 * time.Second)
		r.sees(Dialog, 0, "")
		r.set(0, "Available", "c:early")
		settle(100 * time.Millisecond)
		r.wants("dialog 1001 first a:early", "dialog 1001 change a:confirmed", "dialog 1001 change a:terminated", "dialog 1001 remove",
			"dialog 1001 first b:early", "dialog 1001 change b:terminated", "dialog 1001 remove", "dialog 1001 first c:early")
	})
}

func TestEndOfOneOfTwoCallsIsTold(t *testing.T) {
	bubble(t, 1, nil, func(t *testing.T, r *rig) {
		r.set(0, "On a Call", "a:confirmed", "b:early")
		settle(time.Second)
		r.set(0, "On a Call", "a:confirmed")
		settle(100 * time.Millisecond)
		r.sees(Dialog, 0, "a:confirmed b:terminated")
	})
}

func TestRefreshComesBeforeTheExpiry(t *testing.T) {
	bubble(t, 3, func(u *Upstream) { u.Expiry = time.Minute; u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.up.took()
		for range 600 {
			settle(time.Second)
			for i := range 3 {
				if n := len(r.up.views(Presence, i)); n != 1 {
					t.Fatalf("%d publications of %d", n, i)
				}
			}
			r.sees(Dialog, 0, "a:confirmed")
		}
		if n := len(r.up.took()); n < 4*10 || n > 4*15 { // 42 to 54 s apart
			t.Errorf("%d refreshes in ten minutes of four publications", n)
		}
	})
}

func TestOneIsInFlightAndTheLastStateWins(t *testing.T) {
	bubble(t, 1, func(u *Upstream) { u.Events = []string{Presence} }, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.up.took()
		r.net.SetFaults(slow(100 * time.Millisecond))
		for _, status := range []string{"Available", "Do Not Disturb", "Available", "On a Call", "Do Not Disturb"} {
			r.set(0, status)
			settle(10 * time.Millisecond)
		}
		settle(time.Second)
		r.wants("presence 1001 change Available", "presence 1001 change Do Not Disturb")
		r.sees(Presence, 0, "Do Not Disturb")
	})
}

func TestDeletedAgentIsTakenBack(t *testing.T) {
	bubble(t, 2, nil, func(t *testing.T, r *rig) {
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.up.took()
		err := r.dir.Apply(context.Background(), directory.Edit{Actor: "test", DeleteAgents: []presence.AgentID{r.agents[0].ID}})
		if err != nil {
			t.Fatal(err)
		}
		last := r.snapshot(0, "Offline")
		r.roster.set(last) // the roster's last word must bring nothing back
		settle(time.Second)
		r.sees(Presence, 0, "")
		r.sees(Dialog, 0, "")
		r.sees(Presence, 1, "Offline")
		terminated := false
		for _, line := range r.up.took() {
			terminated = terminated || line == "dialog 1001 change a:terminated"
		}
		if !terminated {
			t.Error("the call's end was not told")
		}
		if n := r.rows(); n != 1 {
			t.Errorf("%d rows left, want that of the other agent", n)
		}
	})
}

func TestNewAgentIsToldWithoutAFact(t *testing.T) {
	bubble(t, 1, nil, func(t *testing.T, r *rig) {
		settle(time.Second)
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: r.dom.ID, Number: "1002", AORs: []string{"1002@ex.test"}}
		r.agents = append(r.agents, a)
		s := r.snapshot(1, "Offline")
		r.roster.mu.Lock()
		r.roster.snaps[a.ID] = &s
		r.roster.mu.Unlock()
		if err := r.dir.Apply(context.Background(), directory.Edit{Actor: "test", Agents: []presence.Agent{a}}); err != nil {
			t.Fatal(err)
		}
		settle(time.Second)
		r.sees(Presence, 1, "Offline")
	})
}

func TestRenumberedAgentMovesToTheNewAddress(t *testing.T) {
	bubble(t, 1, nil, func(t *testing.T, r *rig) {
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		r.up.took()
		r.agents[0].AORs = []string{"1009@ex.test"}
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		for _, event := range []string{Dialog, Presence} {
			r.sees(event, 0, "")
			if n := len(r.up.views(event, 8)); n != 1 {
				t.Errorf("%s: %d publications of the new address", event, n)
			}
		}
	})
}

func TestOnlyWhatIsConfiguredIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		tweak            func(*Upstream)
		dialog, presence string
	}{
		"everything":     {func(*Upstream) {}, "a:confirmed", "On a Call"},
		"this domain":    {func(u *Upstream) { u.Domains = []string{"EX.test"} }, "a:confirmed", "On a Call"},
		"another domain": {func(u *Upstream) { u.Domains = []string{"other.test"} }, "", ""},
		"dialogs only":   {func(u *Upstream) { u.Events = []string{Dialog} }, "a:confirmed", ""},
		"presence only":  {func(u *Upstream) { u.Events = []string{Presence} }, "", "On a Call"},
		"by its name":    {func(u *Upstream) { u.Server.Host = "other.test" }, "a:confirmed", "On a Call"},
		"over TLS":       {func(u *Upstream) { u.Server.Transport, u.Server.Host = transport.TLS, "up.test" }, "a:confirmed", "On a Call"},
		"an impostor":    {func(u *Upstream) { u.Server.Transport, u.Server.Host = transport.TLS, "down.test" }, "", ""},
		"over a stream":  {func(u *Upstream) { u.Server.Transport = transport.TCP }, "a:confirmed", "On a Call"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, c.tweak, func(t *testing.T, r *rig) {
				r.set(0, "On a Call", "a:confirmed")
				settle(time.Second)
				r.sees(Dialog, 0, c.dialog)
				r.sees(Presence, 0, c.presence)
			})
		})
	}
}

func TestCallersAreHiddenWhereThatIsConfigured(t *testing.T) {
	for name, hide := range map[string]bool{"hidden": true, "shown": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(u *Upstream) { u.HideCallers = hide }, func(t *testing.T, r *rig) {
				s := r.snapshot(0, "On a Call", "a:confirmed")
				s.Watch.Dialogs[0].Remote = "sip:+390612345@carrier.test"
				r.roster.set(s)
				settle(time.Second)
				r.up.mu.Lock()
				defer r.up.mu.Unlock()
				for _, p := range r.up.esc {
					if p.event == Dialog && strings.Contains(p.body, "carrier.test") == hide || strings.Contains(p.body, "call-a") && hide {
						t.Errorf("told:\n%s", p.body)
					}
				}
			})
		})
	}
}

func TestReloadAddsAndRemovesUpstreams(t *testing.T) {
	bubble(t, 3, nil, func(t *testing.T, r *rig) {
		r.set(0, "On a Call", "a:confirmed")
		settle(time.Second)
		if n := r.up.count(); n != 4 {
			t.Fatalf("%d publications", n)
		}
		set := func(list ...Upstream) {
			if err := r.p.SetUpstreams(list); err != nil {
				t.Fatal(err)
			}
			settle(2 * time.Second)
		}
		only := r.conf
		only.Events = []string{Dialog}
		set(only)
		if n := r.up.count(); n != 1 {
			t.Errorf("%d publications where only one dialog is told", n)
		}
		set()
		if n := r.up.count(); n != 0 {
			t.Errorf("%d publications at an upstream that was taken out", n)
		}
		if n := len(r.p.Upstreams()); n != 0 {
			t.Errorf("%d upstreams", n)
		}
		if n := r.rows(); n != 0 {
			t.Errorf("%d rows left", n)
		}
		set(r.conf)
		if n := r.up.count(); n != 4 {
			t.Errorf("%d publications where it was put back", n)
		}
		r.net.SetFaults(slow(50 * time.Millisecond))
		if err := r.p.SetUpstreams(nil); err != nil {
			t.Fatal(err)
		}
		settle(20 * time.Millisecond)
		set(r.conf) // at once: what is on its way is not undone
		if n := r.up.count(); n != 4 {
			t.Errorf("%d publications where it was put back at once", n)
		}
		if n := r.rows(); n != 4 {
			t.Errorf("%d rows of 4 publications", n)
		}
	})
}

func TestPaceAndWindowAreKept(t *testing.T) {
	bubble(t, 300, func(u *Upstream) { u.Rate = 20; u.InFlight = 5; u.Verify = time.Hour }, func(t *testing.T, r *rig) {
		r.net.SetFaults(slow(50 * time.Millisecond))
		settle(5 * time.Second)
		if n := len(r.up.took()); n < 90 || n > 110 {
			t.Errorf("%d PUBLISHes in 5 s at 20 a second", n)
		}
		r.up.close() // and nobody answers any more
		settle(2 * time.Second)
		if n := r.p.Upstreams()[0].InFlight; n != 5 {
			t.Errorf("%d in flight, want 5", n)
		}
		r.up.open()
	})
}

func TestChangeGoesBeforeWhatIsMerelyDue(t *testing.T) {
	bubble(t, 500, func(u *Upstream) { u.Rate = 10 }, func(t *testing.T, r *rig) {
		settle(time.Second)
		r.set(499, "On a Call", "a:confirmed")
		settle(time.Second)
		r.sees(Dialog, 499, "a:confirmed")
		r.sees(Presence, 499, "On a Call")
	})
}
