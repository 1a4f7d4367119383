package roster

import (
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"lamplight/presence"
	"lamplight/presence/status"
	"lamplight/store/sim"
)

// model is the roster as simply as it can be said: facts in maps, nothing ever
// taken out that the rules look at with the time in hand.
type model struct {
	sessions      map[string]presence.Session
	registrations map[string]presence.Registration
	legs          map[string]presence.Leg
	offers        map[string]presence.Offer
	wrapUp        *presence.WrapUp
	selected      presence.Selection
	settings      presence.Settings
	// talked holds, by call, a leg the agent talked in.
	talked map[string]presence.Leg
}

func (m *model) facts() presence.Facts {
	f := presence.Facts{WrapUp: m.wrapUp, Selected: m.selected, Settings: m.settings}
	for _, v := range m.sessions {
		f.Sessions = append(f.Sessions, v)
	}
	for _, v := range m.registrations {
		f.Registrations = append(f.Registrations, v)
	}
	for _, v := range m.legs {
		f.Legs = append(f.Legs, v)
	}
	for _, v := range m.offers {
		f.Offers = append(f.Offers, v)
	}
	return f
}

func (m *model) endLeg(id string, p presence.Policy, now time.Time) {
	l, ok := m.legs[id]
	if !ok {
		return
	}
	delete(m.legs, id)
	if l.Talked && l.Kind == presence.CallCampaign {
		m.talked[l.Call] = l
	}
	for _, o := range m.legs {
		if o.Call == l.Call {
			return
		}
	}
	if t, ok := m.talked[l.Call]; ok {
		m.wrapUp = status.WrapUpAfter(t, nil, p, now)
		delete(m.talked, l.Call)
	}
}

// pass ends the legs that are over, in the order of their ends, since their end
// may start a wrap-up.
func (m *model) pass(p presence.Policy, now time.Time) {
	for {
		first, at := "", now
		for id, l := range m.legs {
			end := l.Since.Add(p.LegCap())
			if l.Expires.Before(end) {
				end = l.Expires
			}
			if end.Before(at) || first == "" && !now.Before(end) {
				first, at = id, end
			}
		}
		if first == "" {
			return
		}
		m.endLeg(first, p, at)
	}
}

// TestLikeAModel: after any sequence of operations and waiting, the snapshot says
// what the rules say of the model's facts.
func TestLikeAModel(t *testing.T) {
	policy := presence.Policy{
		Grace: 3 * time.Second, LegMaxAge: 40 * time.Second, OnlineBy: presence.OnlineByWebphone,
		Statuses: []presence.Custom{{Name: "Break", Max: 20 * time.Second}, {Name: "Chat", Regular: true, Outbound: true}},
	}
	rapid.Check(t, func(rt *rapid.T) {
		// Drawn outside the bubble, which rapid's panics must not cross.
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 30).Draw(rt, "steps")
		var mistake string
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, policy, 1, sim.Options{Latency: time.Millisecond})
			defer b.close()
			m := &model{
				sessions: map[string]presence.Session{}, registrations: map[string]presence.Registration{},
				legs: map[string]presence.Leg{}, offers: map[string]presence.Offer{}, talked: map[string]presence.Leg{},
				selected: presence.Selection{Status: presence.SelectAvailable},
				settings: presence.Settings{Options: presence.Options{Webphone: true, SIPPhone: true, Mobile: true}},
			}
			var trace []string
			for _, step := range steps {
				now := time.Now().UTC()
				m.pass(policy, now)
				op := step.op(now)
				trace = append(trace, fmt.Sprintf("%T%+v", op, op))
				m.apply(op, policy, now)
				_, _ = b.roster.Do(t.Context(), b.agents[0], Change{Ops: []Op{op}})
				time.Sleep(step.wait)
				synctest.Wait()
				now = time.Now().UTC()
				m.pass(policy, now)
				got, want := b.snapshot(), status.Evaluate(m.facts(), policy, now)
				if !sameEvaluation(&got.Evaluation, &want) {
					mistake = fmt.Sprintf("after %v\ngot  %+v\nwant %+v", trace, got.Evaluation, want)
					return
				}
				if got.Team.Label != want.Team || got.Own.Label != want.Own {
					mistake = fmt.Sprintf("views %v %v, labels %v %v", got.Team, got.Own, want.Team, want.Own)
					return
				}
			}
			for _, id := range []string{"1", "2", "3"} { // and in the end nothing is left
				for _, op := range []Op{DropSession{id}, DropRegistration{id}, EndLeg{id}, EndOffer{id}} {
					b.do("", op)
				}
			}
			b.do("", FinishWrapUp{})
			synctest.Wait()
			a := b.roster.shard(b.agents[0]).known(b.agents[0])
			f := a.facts
			f.Selected, f.Settings = presence.Selection{}, presence.Settings{}
			if !reflect.DeepEqual(f, presence.Facts{}) || a.talked != nil || a.inflight != nil {
				mistake = fmt.Sprintf("facts are left: %+v %+v %+v", f, a.talked, a.inflight)
			}
		})
		if mistake != "" {
			rt.Fatal(mistake)
		}
	})
}

type step struct {
	op   func(now time.Time) Op
	wait time.Duration
}

func drawStep(rt *rapid.T) step {
	return step{drawOp(rt), time.Duration(rapid.IntRange(0, 20000).Draw(rt, "wait")) * time.Millisecond}
}

func drawOp(rt *rapid.T) func(now time.Time) Op {
	id := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(rt, "id")
	life := time.Duration(rapid.IntRange(1, 30).Draw(rt, "life")) * time.Second
	at := func(op Op) func(time.Time) Op { return func(time.Time) Op { return op } }
	switch rapid.IntRange(0, 13).Draw(rt, "op") {
	case 0:
		return at(PutSession{presence.Session{
			ID:    id,
			State: rapid.SampledFrom([]presence.SessionState{presence.SessionAlive, presence.SessionSuspect}).Draw(rt, "state"),
			Mic:   rapid.SampledFrom([]presence.Mic{presence.MicGranted, presence.MicMuted, presence.MicDenied}).Draw(rt, "mic"), MicProven: true,
		}})
	case 1:
		return func(now time.Time) Op {
			return PutSession{presence.Session{ID: id, State: presence.SessionClosed, Closed: now, Mic: presence.MicGranted, MicProven: true}}
		}
	case 2:
		return at(DropSession{id})
	case 3, 4:
		r := presence.Registration{
			ID: id, Kind: presence.KindDesk, Contact: rapid.SampledFrom([]string{"sip:a@x", "sip:b@x"}).Draw(rt, "contact"),
			Alive: rapid.Bool().Draw(rt, "alive"),
		}
		return func(now time.Time) Op {
			r.Expires = now.Add(life)
			return PutRegistration{r}
		}
	case 5:
		return at(DropRegistration{id})
	case 6, 7:
		l := presence.Leg{
			ID: id, Call: rapid.SampledFrom([]string{"c1", "c2"}).Draw(rt, "call"), Direction: presence.Inbound,
			Kind:  rapid.SampledFrom([]presence.CallKind{presence.CallCampaign, presence.CallRegular}).Draw(rt, "kind"),
			State: rapid.SampledFrom([]presence.LegState{presence.LegRinging, presence.LegTalking, presence.LegHeld}).Draw(rt, "leg"),
		}
		return func(now time.Time) Op {
			l.Expires = now.Add(life)
			return PutLeg{l}
		}
	case 8:
		return at(EndLeg{id})
	case 9:
		return func(now time.Time) Op {
			return PutOffer{presence.Offer{ID: id, Kind: presence.CallCampaign, Expires: now.Add(life)}}
		}
	case 10:
		return at(Select{rapid.SampledFrom([]presence.Selectable{
			presence.SelectAvailable, presence.SelectDND, presence.SelectCustom("Break"), presence.SelectCustom("Chat"), "offline",
		}).Draw(rt, "select")})
	case 11:
		return at(rapid.SampledFrom([]Op{AllOptionsOff{}, RestoreOptions{}}).Draw(rt, "options"))
	case 12:
		return at(FinishWrapUp{})
	}
	return at(Logout{})
}

func (m *model) apply(op Op, p presence.Policy, now time.Time) {
	switch op := op.(type) {
	case PutSession:
		m.sessions[op.ID] = op.Session
	case DropSession:
		delete(m.sessions, op.ID)
	case Logout:
		clear(m.sessions)
	case PutRegistration:
		m.registrations[op.ID] = op.Registration
	case DropRegistration:
		delete(m.registrations, op.ID)
	case PutLeg:
		l := op.Leg
		l.Since = now
		l.Talked = l.State != presence.LegRinging
		if old, ok := m.legs[op.ID]; ok && old.Call != l.Call {
			m.endLeg(op.ID, p, now)
		} else if ok {
			l.Since, l.Talked = old.Since, l.Talked || old.Talked
		}
		m.legs[op.ID] = l
	case EndLeg:
		m.endLeg(op.ID, p, now)
	case PutOffer:
		m.offers[op.ID] = op.Offer
	case EndOffer:
		delete(m.offers, op.ID)
	case Select:
		if c, err := status.Select(m.facts(), p, op.Status, status.By{Cause: presence.CauseAgent}, now); err == nil {
			m.selected = c.Selection
			if c.EndsWrapUp {
				m.wrapUp = nil
			}
		}
	case AllOptionsOff:
		m.settings, _ = status.AllOff(m.settings)
	case RestoreOptions:
		m.settings, _ = status.Restore(m.settings)
	case FinishWrapUp:
		m.wrapUp = nil
	}
}
