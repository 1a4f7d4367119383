package routing

import (
	"encoding/json"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/schedule"
)

// hours reads lines of a week, and of days where they begin with a digit.
func hours(lines ...string) *schedule.Schedule {
	var in struct{ Week, Days []string }
	for _, l := range lines {
		if l[0] <= '9' {
			in.Days = append(in.Days, l)
		} else {
			in.Week = append(in.Week, l)
		}
	}
	b, err := json.Marshal(in)
	s := &schedule.Schedule{}
	if err == nil {
		err = json.Unmarshal(b, s)
	}
	if err != nil {
		panic(err)
	}
	return s
}

func inBerlin(h *schedule.Schedule) func(*presence.Policy) {
	return func(p *presence.Policy) {
		z, err := schedule.FindZone("Europe/Berlin")
		if err != nil {
			panic(err)
		}
		p.Zone, p.Hours = z, h
	}
}

func ownHours(h *schedule.Schedule, after string) func(*presence.Facts) {
	return func(f *presence.Facts) { f.Settings.Hours, f.Settings.AfterHours = h, after }
}

// t0 is Monday, 10:00 in Berlin.
func TestCallsOutsideOfWorkingHours(t *testing.T) {
	const until11 = "Outside working hours until Mon 23 Nov 11:00"
	later, now, holiday := hours("mon-fri 11:00-17:00"), hours("mon-fri 09:00-17:00"), hours("mon-fri 09:00-17:00", "11-23 closed Founders' Day")
	after := func(p *presence.Policy) { p.AfterHours = "sip:night@example.test" }
	voicemail := func(p *presence.Policy) { p.Fallback = "sip:voicemail@example.test" }
	for name, c := range map[string]struct {
		domain *schedule.Schedule
		own    *schedule.Schedule
		to     string // the agent's after-hours target
		policy func(*presence.Policy)
		kind   presence.CallKind
		facts  func(*presence.Facts)
		code   int
		text   string
		goes   string
	}{
		"domain is open":               {domain: now, goes: "0s:s1,desk,mobile"},
		"domain is closed":             {domain: later, code: 480, text: until11},
		"on a holiday":                 {domain: holiday, code: 480, text: "Outside working hours until Tue 24 Nov 09:00 (Founders' Day)"},
		"agent is closed":              {domain: now, own: later, code: 480, text: until11},
		"agent is open":                {domain: later, own: now, goes: "0s:s1,desk,mobile"},
		"the holiday is everybody's":   {domain: holiday, own: hours("daily 00:00-24:00"), code: 480, text: "Outside working hours until Tue 24 Nov 00:00 (Founders' Day)"},
		"works on the holiday":         {domain: holiday, own: hours("11-23 10:00-12:00"), goes: "0s:s1,desk,mobile"},
		"closed is told before busy":   {domain: later, facts: leg(presence.Inbound, presence.LegTalking), code: 480, text: until11},
		"to the after-hours target":    {domain: later, policy: after, code: 480, text: until11, goes: "0s:fallback sip:night@example.test"},
		"to the agent's own":           {domain: later, to: "sip:me@example.test", policy: after, code: 480, text: until11, goes: "0s:fallback sip:me@example.test"},
		"else to the fallback":         {domain: later, policy: voicemail, code: 480, text: until11, goes: "0s:fallback sip:voicemail@example.test"},
		"which is not for after hours": {domain: now, policy: after, facts: leg(presence.Inbound, presence.LegTalking), code: 486, text: "On a Call"},
		"a colleague calls":            {domain: later, kind: presence.CallInternal, goes: "0s:s1,desk,mobile"},
		"a campaign":                   {domain: later, kind: presence.CallCampaign, goes: "0s:s1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := typical(ownHours(c.own, c.to))
			if c.facts != nil {
				c.facts(&f)
			}
			p := house(inBerlin(c.domain))
			if c.policy != nil {
				c.policy(&p)
			}
			if c.kind == "" {
				c.kind = presence.CallRegular
			}
			d := decide(f, p, c.kind)
			got := rings(d)
			if d.Fallback {
				got += " " + d.Steps[0].Targets[0].URI
			}
			if d.Code != c.code || d.Text != c.text || got != c.goes || d.Allow != (c.goes != "") {
				t.Errorf("%d %q %q", d.Code, d.Text, got)
			}
			replayed(t, f, p, Call{Kind: c.kind, At: t0})
		})
	}
}

// replayed keeps the decision and makes it again.
func replayed(t *testing.T, f presence.Facts, p presence.Policy, c Call) {
	t.Helper()
	r := Record{Inputs: Inputs{Snapshot: snapshot(f, p), Policy: p, Call: &c}}
	r.Decision, _ = r.Decide()
	before, after, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := ReadRecord(before, after)
	if err != nil {
		t.Fatal(err)
	}
	if _, same, err := kept.Replay(); err != nil || !same {
		t.Errorf("not the same again: %v\n%s\n%s", err, before, after)
	}
}

func TestNumberOutsideOfItsHoursIsLeftOut(t *testing.T) {
	f := typical(numbers(
		presence.Number{ID: dev(8), Number: "0301", Enabled: true, Hours: hours("mon 09:00-10:30")},
		presence.Number{ID: dev(9), Number: "0302", Enabled: true, Hours: hours("mon 10:30-12:00"), Delay: time.Second},
	))
	p := house(inBerlin(nil))
	if got, want := rings(decide(f, p, presence.CallInternal)), "0s:s1,desk,mobile,"+dev(8).String(); got != want {
		t.Errorf("rings %s, want %s", got, want)
	}
	if got := reason(decide(f, p, presence.CallRegular), dev(9).String()); got != "outside working hours until Mon 23 Nov 10:30" {
		t.Error(got)
	}
	if next := snapshot(f, p).Next; !next.Equal(t0.Add(30 * time.Minute)) {
		t.Errorf("looked at again at %s", next)
	}
	replayed(t, f, p, Call{Kind: presence.CallRegular, At: t0})
}
