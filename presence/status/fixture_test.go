package status

import (
	"time"

	"lamplight/presence"
)

// t0 is the moment of all tests.
var t0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// change is one difference from the typical agent.
type change func(*presence.Facts)

// agent is logged in with a webphone, has a desk phone and a sleeping mobile,
// every option on, and is Available.
func agent(changes ...change) presence.Facts {
	f := presence.Facts{
		Sessions: []presence.Session{session1()},
		Registrations: []presence.Registration{
			{ID: "b1", Device: dev(2), Kind: presence.KindDesk, Contact: "sip:1001@192.0.2.1", Q: 1000, Alive: true, Expires: t0.Add(time.Hour)},
			{ID: "b2", Device: dev(3), Kind: presence.KindMobile, Contact: "sip:1001@192.0.2.2", Q: 1000, Push: true, Expires: t0.Add(2 * time.Hour)},
		},
		Settings: presence.Settings{Options: presence.Options{Webphone: true, SIPPhone: true, Mobile: true}},
	}
	for _, c := range changes {
		c(&f)
	}
	return f
}

func session1() presence.Session {
	return presence.Session{
		ID: "s1", Device: dev(1), Client: "web", State: presence.SessionAlive,
		Mic: presence.MicGranted, MicProven: true, Since: t0.Add(-time.Hour),
	}
}

func dev(n byte) presence.DeviceID { return presence.DeviceID{ID: presence.ID{15: n}} }

func loggedOut(f *presence.Facts)  { f.Sessions = nil }
func noPhones(f *presence.Facts)   { f.Registrations = nil }
func optionsOff(f *presence.Facts) { f.Settings, _ = AllOff(f.Settings) }

func micIs(m presence.Mic) change { return func(f *presence.Facts) { f.Sessions[0].Mic = m } }

func closedAt(t time.Time) change {
	return func(f *presence.Facts) {
		f.Sessions[0].State, f.Sessions[0].Closed = presence.SessionClosed, t
	}
}

func suspect(f *presence.Facts) { f.Sessions[0].State = presence.SessionSuspect }

func selected(s presence.Selectable) change {
	return func(f *presence.Facts) { f.Selected = presence.Selection{Status: s, At: t0} }
}

func options(o presence.Options) change {
	return func(f *presence.Facts) { f.Settings.Options = o }
}

func leg(id string, d presence.Direction, s presence.LegState) change {
	return func(f *presence.Facts) {
		f.Legs = append(f.Legs, presence.Leg{
			Call: "call-" + id, ID: id, Direction: d, State: s, Kind: presence.CallRegular,
			CallID: id + "@pbx", Since: t0.Add(-time.Minute),
		})
	}
}

func wrapUp(until time.Time) change {
	return func(f *presence.Facts) {
		f.WrapUp = &presence.WrapUp{Call: "c0", Since: t0.Add(-time.Second), Until: until}
	}
}

func offer(until time.Time) change {
	return func(f *presence.Facts) {
		f.Offers = append(f.Offers, presence.Offer{ID: "o1", Kind: presence.CallRegular, Group: "sales", Expires: until})
	}
}

// house is a domain's policy with one custom status of each sort.
func house(changes ...func(*presence.Policy)) presence.Policy {
	p := presence.Policy{Statuses: []presence.Custom{
		{Name: "Lunch", Class: presence.ClassAway, Activity: "meal", Outbound: false, Max: 30 * time.Minute, Return: "available"},
		{Name: "Meeting", Class: presence.ClassBreak, Activity: "meeting", Outbound: true},
		{Name: "Back Office", Class: presence.ClassWorking, Regular: true, Outbound: true},
		{Name: "Campaign", Class: presence.ClassWorking, Campaign: true, Outbound: true, Max: time.Hour, Return: "Lunch"},
	}}
	for _, c := range changes {
		c(&p)
	}
	return p
}

func onlineByAny(p *presence.Policy) { p.OnlineBy = presence.OnlineByAnyDevice }

func label(s presence.Status) presence.Label { return presence.Label{Status: s} }

func custom(name string) presence.Label {
	return presence.Label{Status: presence.StatusCustom, Custom: name}
}

func device(ev presence.Evaluation, id string) presence.DeviceState {
	for _, d := range ev.Devices {
		if d.ID == id {
			return d
		}
	}
	return presence.DeviceState{}
}
