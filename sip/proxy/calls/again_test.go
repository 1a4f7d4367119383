package calls

import (
	"testing"

	"lamplight/presence"
	"lamplight/sip/proxy/fork"
)

// A call that a proxy behind us sends back for another agent does not make us lose
// the first, whether it is a loop that is refused or is answered.
func TestCallThatComesBackIsACallOfItsOwn(t *testing.T) {
	follow(t, func(t *testing.T, tr *Tracker, p *people, c *Call) {
		loop := tr.Begin(Start{Invite: invite(t), Callee: Party{Agent: ada}, Devices: map[string]presence.DeviceID{"r1": desk}})
		loop.Told(fork.Event{What: fork.Over, Status: 482})
		answer(t, c, "")
		p.want(t, "answered", adaTalks, bobTalks)
		tr.Seen(inDialog(t, "BYE", "A", "B", ""), nothing)
		p.want(t, "ended", "", "")
	})
	follow(t, func(t *testing.T, tr *Tracker, p *people, first *Call) {
		first.Told(fork.Event{What: fork.Over, Status: 486})
		out := tr.Begin(Start{Invite: invite(t), Caller: Party{bob, cell}})
		back := tr.Begin(Start{Invite: invite(t), Callee: Party{Agent: ada}, Devices: map[string]presence.DeviceID{"r1": desk}})
		answer(t, back, "")
		answer(t, out, "")
		p.want(t, "answered", adaTalks, bobTalks)
		tr.Seen(inDialog(t, "BYE", "A", "B", ""), nothing) // on its way out
		tr.Seen(inDialog(t, "BYE", "A", "B", ""), nothing) // and back in
		p.want(t, "ended", "", "")
		if len(tr.calls) > 0 || len(tr.again) > 0 {
			t.Errorf("%d and %d are left", len(tr.calls), len(tr.again))
		}
	})
}
