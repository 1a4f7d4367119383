package calls

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sim"
)

// asked runs a prober over n answered calls of ada's and returns when, after the
// answers, which was asked about. err is what comes of each question.
func asked(t *testing.T, n int, way, err error, f func(*Tracker, *people)) (out []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st := sim.New(sim.Options{})
		p := &people{store: st, legs: map[presence.AgentID]map[string]presence.Leg{}}
		tr, oerr := Open(context.Background(), Options{Roster: p, Store: st, Token: func(*transport.Flow) string { return "token" }})
		if oerr != nil {
			t.Fatal(oerr)
		}
		for i := range n {
			id := fmt.Sprint("Call-ID: call", i)
			inv := parse(t, strings.ReplaceAll(string(invite(t).Raw), "Call-ID: c1", id))
			c := tr.Begin(Start{Invite: inv, Flow: &transport.Flow{}, Callee: Party{Agent: ada, Device: desk}, Devices: map[string]presence.DeviceID{"r1": desk}})
			res := parse(t, strings.ReplaceAll(string(response(t, 200, "\nContact: <sip:ada@10.0.0.2>").Raw), "Call-ID: c1", id))
			c.Told(fork.Event{What: fork.Answered, Target: "r1", Status: 200, Res: res, Flow: &transport.Flow{}})
		}
		began := time.Now()
		var mu sync.Mutex
		pr, perr := Probe(ProberOptions{
			Tracker: tr, Pace: time.Second,
			Way: func(context.Context, *Dialog) (*transport.Flow, error) { return nil, way },
			Send: func(_ *transport.Flow, b *message.Builder, done func(*message.Message, error)) {
				m, _ := message.Parse(b.Bytes())
				mu.Lock()
				out = append(out, fmt.Sprint(time.Since(began).Round(time.Second)))
				mu.Unlock()
				if m == nil || m.URI != "sip:ada@10.0.0.2" {
					t.Errorf("asked by\n%s", b.Bytes())
				}
				done(nil, err)
			},
		})
		if perr != nil {
			t.Fatal(perr)
		}
		f(tr, p)
		pr.Close()
		tr.Close()
		st.Close()
	})
	return out
}

func TestQuestionsArePaced(t *testing.T) {
	out := asked(t, 3, nil, transaction.ErrTimeout, func(_ *Tracker, p *people) {
		time.Sleep(14 * time.Minute)
		if got := p.show(ada); strings.Count(got, "talking") != 3 {
			t.Errorf("before it is asked: %q", got)
		}
		time.Sleep(2 * time.Minute)
		p.want(t, "silence", "", "")
		if p.cause != presence.CauseFactExpired || rows(t, p.store) != 0 {
			t.Errorf("cause %s, %d rows", p.cause, rows(t, p.store))
		}
	})
	if got := strings.Join(out, " "); got != "15m6s 15m7s 15m8s" && got != "15m5s 15m6s 15m7s" {
		t.Errorf("asked after %s", got)
	}
}

func TestPhoneThatAnswersNoOptionsIsLeftAlone(t *testing.T) {
	for name, tc := range map[string]struct{ way, err error }{
		"known to answer none": {ErrNoAnswer, nil},
		"without a flow":       {transaction.ErrFlowClosed, nil},
		"its flow ends":        {nil, transaction.ErrFlowClosed},
	} {
		asked(t, 1, tc.way, tc.err, func(_ *Tracker, p *people) {
			time.Sleep(11 * time.Hour)
			if got := p.show(ada); !strings.Contains(got, "talking") {
				t.Errorf("%s: %q", name, got)
			}
			time.Sleep(61 * time.Minute)
			p.want(t, name+": the cap", "", "")
		})
	}
}

// TestCapCountsOnAfterARestart: it is no new call.
func TestCapCountsOnAfterARestart(t *testing.T) {
	follow(t, func(t *testing.T, tr *Tracker, p *people, c *Call) {
		answer(t, c, "")
		time.Sleep(11 * time.Hour)
		tr.Close()
		again := &people{store: p.store, legs: map[presence.AgentID]map[string]presence.Leg{}}
		tr = open(t, again)
		time.Sleep(59 * time.Minute)
		again.want(t, "before the cap", adaTalks, bobTalks)
		time.Sleep(2 * time.Minute)
		again.want(t, "the cap", "", "")
		tr.Close()
	})
}
