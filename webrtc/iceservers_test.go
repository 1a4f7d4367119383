package webrtc

import (
	"encoding/json"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/webrtc/signalling"
)

// TestFreshCredentialsBeforeTheOldOnesRunOut: whatever is open for long, in each tab,
// and counted anew from a welcome.
func TestFreshCredentialsBeforeTheOldOnesRunOut(t *testing.T) {
	const life = 10 * time.Minute
	made := 0
	o := trusting()
	o.ICELife = life
	o.ICEServersOf = func(string) []signalling.ICEServer {
		made++
		return []signalling.ICEServer{{URLs: []string{"turn:relay.test"}, Username: strconv.Itoa(made)}}
	}
	bubble(t, o, func(t *testing.T, l *lab) {
		p := l.login("t1")
		tab := l.open(signalling.In{Ticket: l.ticket("t2"), Tab: "t2"})
		l.wantTarget(true, "with two tabs")
		time.Sleep(life/2 - time.Second)
		synctest.Wait()
		if p.count(signalling.ICE) != 0 {
			t.Error("told too early")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, each := range []*page{p, tab} {
			var m signalling.ICEMsg
			if err := json.Unmarshal(each.last(signalling.ICE), &m); err != nil || each.count(signalling.ICE) != 1 {
				t.Fatalf("told %d times, %v", each.count(signalling.ICE), err)
			}
			if len(m.ICE) != 1 || m.ICE[0].Username <= "2" || m.ICE[0].URLs[0] != "turn:relay.test" {
				t.Errorf("%+v", m)
			}
		}
		time.Sleep(life / 4)
		w := p.greeting()
		p.vanish()
		p = l.open(signalling.In{Resume: w.Resume, Lead: true, Epoch: w.Epoch, Mic: &signalling.Claim{Perm: "granted", Probe: signalling.ProbeOK, Inputs: one()}})
		time.Sleep(life / 4 * 3 / 2)
		synctest.Wait()
		if p.count(signalling.ICE) != 0 || p.greeting().ICE[0].Username != "5" {
			t.Errorf("after the welcome with %+v told %d times", p.greeting().ICE, p.count(signalling.ICE))
		}
		time.Sleep(life)
		synctest.Wait()
		if n := p.count(signalling.ICE); n != 2 {
			t.Errorf("told %d times in one and a half lives", n)
		}
	})
}

// TestServersWithoutCredentialsAreToldOnce: nothing of them runs out.
func TestServersWithoutCredentialsAreToldOnce(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := p.count(signalling.ICE); n != 0 {
			t.Errorf("told %d times", n)
		}
	})
}
