package notifier

import (
	"context"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// A key of somebody who is made an agent later comes to show him.
func TestKeyOfAnAddressThatBecomesAnAgents(t *testing.T) {
	for name, restart := range map[string]bool{"meanwhile": false, "while the server was down": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				p := r.phone("192.0.2.10:5060", "201", "sip:105@ex.test")
				p.live()
				other := r.phone("192.0.2.11:5060", "102", "sip:106@ex.test")
				other.live()
				a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: r.dom.ID, Number: "105", Name: "New", AORs: []string{"105@ex.test"}}
				r.agents["105"] = a.ID
				if restart {
					r.n.Close()
				}
				if err := r.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{a}}); err != nil {
					t.Fatal(err)
				}
				r.set("105", "talking")
				if restart {
					r.restart()
					other.notified(200)
				}
				p.wantSub(p.notified(200), "terminated;reason=deactivated")
				p = r.phone("192.0.2.12:5060", "201", "sip:105@ex.test")
				p.wantState(p.live(), "talking")
				r.set("105", "idle")
				p.wantState(p.notified(200), "idle")
				other.quiet(2 * time.Second)
			})
		})
	}
}

// A key of a number that its agent has left shows him no longer, but whoever has
// the number now.
func TestKeyOfAnAddressThatAnAgentHasLeft(t *testing.T) {
	for name, restart := range map[string]bool{"meanwhile": false, "while the server was down": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
				p.live()
				other := r.phone("192.0.2.11:5060", "102", "sip:103@ex.test")
				other.live()
				if restart {
					r.n.Close()
				}
				a, _ := r.dir.Agent(r.agents["101"])
				moved := *a
				moved.Number, moved.AORs = "109", []string{"109@ex.test"}
				if err := r.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{moved}}); err != nil {
					t.Fatal(err)
				}
				r.set("101", "talking") // the same agent, by the name of the test
				if restart {
					r.restart()
					other.notified(200)
				}
				p.wantSub(p.notified(200), "terminated;reason=deactivated")
				p = r.phone("192.0.2.12:5060", "201", "sip:109@ex.test")
				p.wantState(p.live(), "talking")
				other.quiet(2 * time.Second)
			})
		})
	}
}
