package calls

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/store"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people is a roster that only keeps legs, and commits what comes with them.
type people struct {
	store store.Store
	mu    sync.Mutex
	legs  map[presence.AgentID]map[string]presence.Leg // guarded by mu
	cause presence.Cause                               // of the last change; guarded by mu
}

func (p *people) Apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error)) {
	p.mu.Lock()
	if p.legs[a] == nil {
		p.legs[a] = map[string]presence.Leg{}
	}
	p.cause = c.Cause
	for _, op := range c.Ops {
		switch op := op.(type) {
		case roster.PutLeg:
			p.legs[a][op.ID] = op.Leg
		case roster.EndLeg:
			delete(p.legs[a], op.ID)
		}
	}
	p.mu.Unlock()
	p.store.Submit(store.Batch{Writes: c.Writes}, func(err error) { done(nil, err) })
}

// show is what is known of an agent: "inbound ringing desk <sip:alice@x> A".
func (p *people) show(a presence.AgentID) string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, l := range p.legs[a] {
		out = append(out, fmt.Sprint(l.Direction, " ", l.State, " ", names[l.Device], " ", l.Remote, " ", l.LocalTag, "/", l.RemoteTag))
	}
	return strings.Join(out, "; ")
}

var (
	ada   = presence.AgentID{ID: presence.ID{1}}
	bob   = presence.AgentID{ID: presence.ID{2}}
	desk  = presence.DeviceID{ID: presence.ID{3}}
	cell  = presence.DeviceID{ID: presence.ID{4}}
	names = map[presence.DeviceID]string{{}: "no device", desk: "desk", cell: "cell"}
)

func parse(t *testing.T, s string) *message.Message {
	t.Helper()
	s = strings.ReplaceAll(strings.TrimSuffix(s, "\r\nContent-Length: 0\r\n\r\n"), "\r\n", "\n")
	head, body, _ := strings.Cut(strings.Trim(s, "\n"), "\n\n")
	if body != "" {
		head += "\nContent-Type: application/sdp"
	}
	m, err := message.Parse([]byte(strings.ReplaceAll(head, "\n", "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)) + body))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func invite(t *testing.T) *message.Message {
	return parse(t, `
INVITE sip:1001@x SIP/2.0
Via: SIP/2.0/UDP a;branch=z9hG4bKa
From: "Al" <sip:al@pstn>;tag=A
To: <sip:1001@x>
Call-ID: c1
CSeq: 1 INVITE`)
}

func response(t *testing.T, status int, more string) *message.Message {
	return parse(t, fmt.Sprintf(`
SIP/2.0 %d OK
Via: SIP/2.0/UDP a;branch=z9hG4bKa
From: "Al" <sip:al@pstn>;tag=A
To: <sip:1001@x>;tag=B
Call-ID: c1
CSeq: 1 INVITE%s`, status, more))
}

// inDialog is a request of the call by the side whose tag comes first.
func inDialog(t *testing.T, method, from, to, body string) *message.Message {
	return parse(t, fmt.Sprintf(`
%s sip:x@y SIP/2.0
Via: SIP/2.0/UDP a;branch=z9hG4bKb
From: <sip:a@b>;tag=%s
To: <sip:c@d>;tag=%s
Call-ID: c1
CSeq: 2 %[1]s

%[4]s`, method, from, to, body))
}

func media(attributes string) string {
	return "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n" + attributes
}

// follow runs f with a call from bob to ada.
func follow(t *testing.T, f func(*testing.T, *Tracker, *people, *Call)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st := sim.New(sim.Options{})
		p := &people{store: st, legs: map[presence.AgentID]map[string]presence.Leg{}}
		tr := open(t, p)
		c := tr.Begin(Start{Invite: invite(t), Caller: Party{bob, cell}, Callee: Party{Agent: ada},
			Devices: map[string]presence.DeviceID{"r1": desk}, Kind: presence.CallRegular})
		f(t, tr, p, c)
		tr.Close()
		st.Close()
	})
}

func open(t *testing.T, p *people) *Tracker {
	t.Helper()
	tr, err := Open(context.Background(), Options{Roster: p, Store: p.store})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

const (
	adaTalks = "inbound talking desk sip:al@pstn B/A"
	bobTalks = "outbound talking cell sip:1001@x A/B"
)

func (p *people) want(t *testing.T, when, a, b string) {
	t.Helper()
	if got := p.show(ada); got != a {
		t.Errorf("%s: Ada is %q, want %q", when, got, a)
	}
	if got := p.show(bob); got != b {
		t.Errorf("%s: Bob is %q, want %q", when, got, b)
	}
}

func TestCallFromBeginningToEnd(t *testing.T) {
	follow(t, func(t *testing.T, tr *Tracker, p *people, c *Call) {
		p.want(t, "dialling", "", "outbound dialling cell sip:1001@x A/")
		c.Told(fork.Event{What: fork.Ringing, Target: "r1", Status: 180, Res: response(t, 180, "")})
		p.want(t, "ringing", "inbound ringing desk sip:al@pstn B/A", "outbound dialling cell sip:1001@x A/")
		c.Told(fork.Event{What: fork.Answered, Target: "r1", Status: 200, Res: response(t, 200, "")})
		c.Told(fork.Event{What: fork.Over, Status: 200})
		p.want(t, "answered", adaTalks, bobTalks)
		tr.Seen(inDialog(t, "INFO", "A", "B", ""), nothing)
		tr.Seen(parse(t, strings.Replace(string(inDialog(t, "BYE", "A", "B", "").Raw), "Call-ID: c1", "Call-ID: c2", 1)), nothing)
		p.want(t, "still talking", adaTalks, bobTalks)
		tr.Seen(inDialog(t, "BYE", "B", "A", ""), nothing)
		p.want(t, "ended", "", "")
		tr.Seen(inDialog(t, "BYE", "B", "A", ""), nothing) // again
		if len(tr.calls) != 0 || rows(t, p.store) != 0 {
			t.Errorf("%d calls and %d rows stay", len(tr.calls), rows(t, p.store))
		}
	})
}

func rows(t *testing.T, st store.Store) (n int) {
	t.Helper()
	synctest.Wait()
	if err := st.Scan(context.Background(), space, func(store.Record) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func answer(t *testing.T, c *Call, more string) {
	t.Helper()
	c.Told(fork.Event{What: fork.Answered, Target: "r1", Status: 200, Res: response(t, 200, more)})
	c.Told(fork.Event{What: fork.Over, Status: 200})
}

func TestCallThatIsNotAnsweredLeavesNothing(t *testing.T) {
	for _, status := range []int{486, 487, 408} {
		follow(t, func(t *testing.T, tr *Tracker, p *people, c *Call) {
			c.Told(fork.Event{What: fork.Ringing, Target: "r1", Status: 180, Res: response(t, 180, "")})
			c.Told(fork.Event{What: fork.Failed, Target: "r1", Status: status})
			c.Told(fork.Event{What: fork.Over, Status: status})
			p.want(t, fmt.Sprint(status), "", "")
			if len(tr.calls) != 0 {
				t.Error("the call stays")
			}
		})
	}
}

func TestWhoAsksForHoldHolds(t *testing.T) {
	held := func(s string) string { return strings.Replace(s, "talking", "held", 1) }
	for name, c := range map[string]struct {
		from, to, offer string
		ada, bob        string
	}{
		"by the callee":     {"B", "A", media("a=sendonly\r\n"), held(adaTalks), bobTalks},
		"by the caller":     {"A", "B", media("a=inactive\r\n"), adaTalks, held(bobTalks)},
		"of old":            {"B", "A", strings.ReplaceAll(media(""), "c=IN IP4 10.0.0.2", "c=IN IP4 0.0.0.0"), held(adaTalks), bobTalks},
		"of the session":    {"B", "A", strings.Replace(media(""), "t=0 0\r\n", "t=0 0\r\na=sendonly\r\n", 1), held(adaTalks), bobTalks},
		"other media only":  {"B", "A", media("a=sendrecv\r\nm=video 0 RTP/AVP 99\r\na=inactive\r\n"), adaTalks, bobTalks},
		"what is no offer":  {"B", "A", "rubbish", adaTalks, bobTalks},
		"a mere new target": {"B", "A", media(""), adaTalks, bobTalks},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, func(t *testing.T, tr *Tracker, p *people, call *Call) {
				answer(t, call, "")
				req := inDialog(t, "INVITE", c.from, c.to, c.offer)
				tr.Answered(req, response(t, 488, ""))
				p.want(t, "refused", adaTalks, bobTalks)
				tr.Answered(req, response(t, 200, ""))
				p.want(t, "asked", c.ada, c.bob)
				tr.Answered(inDialog(t, "UPDATE", c.from, c.to, media("a=sendrecv\r\n")), response(t, 200, ""))
				p.want(t, "resumed", adaTalks, bobTalks)
			})
		})
	}
	follow(t, func(t *testing.T, tr *Tracker, p *people, call *Call) {
		answer(t, call, "")
		tr.Answered(inDialog(t, "INVITE", "A", "B", ""), response(t, 200, "\n\n"+media("a=sendonly\r\n")))
		p.want(t, "the offer is in the 200", held(adaTalks), bobTalks)
	})
}

func TestLostBYEEndsWithTheSessionTimer(t *testing.T) {
	follow(t, func(t *testing.T, tr *Tracker, p *people, c *Call) {
		answer(t, c, "\nSession-Expires: 90;refresher=uas")
		time.Sleep(80 * time.Second)
		tr.Answered(inDialog(t, "UPDATE", "B", "A", ""), response(t, 200, "\nx: 90"))
		time.Sleep(120 * time.Second)
		p.want(t, "refreshed", adaTalks, bobTalks)
		time.Sleep(3 * time.Second)
		p.want(t, "not refreshed", "", "")
		if p.cause != presence.CauseFactExpired || len(tr.calls) != 0 || rows(t, p.store) != 0 {
			t.Errorf("cause %s, %d calls, %d rows", p.cause, len(tr.calls), rows(t, p.store))
		}
	})
	follow(t, func(t *testing.T, _ *Tracker, p *people, c *Call) {
		answer(t, c, "")
		time.Sleep(12*time.Hour - time.Second)
		p.want(t, "no timer", adaTalks, bobTalks)
		time.Sleep(2 * time.Second)
		p.want(t, "the cap", "", "")
	})
}

func TestDialogThatIsUnknownThereEnds(t *testing.T) {
	follow(t, func(t *testing.T, tr *Tracker, p *people, c *Call) {
		answer(t, c, "")
		tr.Answered(inDialog(t, "INFO", "B", "A", ""), response(t, 481, ""))
		p.want(t, "an INFO nobody understands", adaTalks, bobTalks)
		tr.Answered(inDialog(t, "INVITE", "B", "A", ""), response(t, 481, ""))
		p.want(t, "a re-INVITE for no dialog", "", "")
	})
}

func TestAnsweredCallOutlivesARestart(t *testing.T) {
	follow(t, func(t *testing.T, tr *Tracker, p *people, c *Call) {
		ringing := invite(t)
		tr.Begin(Start{Invite: parse(t, strings.ReplaceAll(string(ringing.Raw), "Call-ID: c1", "Call-ID: c9")), Callee: Party{Agent: ada}})
		answer(t, c, "")
		synctest.Wait()
		tr.Close()
		again := &people{store: p.store, legs: map[presence.AgentID]map[string]presence.Leg{}}
		tr = open(t, again)
		again.want(t, "after the restart", adaTalks, bobTalks)
		tr.Seen(inDialog(t, "BYE", "A", "B", ""), nothing)
		again.want(t, "ended normally", "", "")
		if rows(t, p.store) != 0 {
			t.Error("the row stays")
		}
		tr.Close()
	})
}

func TestCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := sim.New(sim.Options{})
		p := &people{store: st, legs: map[presence.AgentID]map[string]presence.Leg{}}
		tr, err := Open(context.Background(), Options{Roster: p, Store: st, Most: 1})
		if err != nil {
			t.Fatal(err)
		}
		if tr.Begin(Start{Invite: invite(t)}) != nil {
			t.Error("a call without agents is followed")
		}
		first := tr.Begin(Start{Invite: invite(t), Callee: Party{Agent: ada}})
		second := tr.Begin(Start{Invite: parse(t, strings.ReplaceAll(string(invite(t).Raw), "Call-ID: c1", "Call-ID: c2")), Callee: Party{Agent: ada}})
		if first == nil || second != nil {
			t.Errorf("followed: %v, %v", first != nil, second != nil)
		}
		second.Told(fork.Event{What: fork.Over}) // of a call that is not followed
		tr.Close()
		st.Close()
	})
}
