package registrar_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/store/sim"
)

// crowd are so many phones of as many agents, whose bindings a restart has just
// restored, and which answer or not. asked is when each question came.
func crowd(t *testing.T, phones int, l registrar.Limits, answer bool) (h *house, asked func() []time.Duration) {
	t.Helper()
	h = &house{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{}), limits: l}
	h.open()
	t.Cleanup(func() {
		h.close()
		h.store.Close()
	})
	ctx := context.Background()
	if err := h.dir.Apply(ctx, staff(t, phones)); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards at
	var at []time.Time
	var reading sync.WaitGroup
	serve := func(pc net.PacketConn) {
		t.Cleanup(func() { pc.Close() })
		reading.Go(func() {
			buf := make([]byte, 4096)
			for {
				n, from, err := pc.ReadFrom(buf)
				if err != nil {
					return
				}
				m, err := message.Parse(buf[:n])
				if err != nil || m.Method != "OPTIONS" {
					continue
				}
				mu.Lock()
				at = append(at, time.Now())
				mu.Unlock()
				if answer {
					_, _ = pc.WriteTo(message.NewResponse(m, 200, "").Bytes(), from)
				}
			}
		})
	}
	t.Cleanup(reading.Wait)
	var rows []*registrar.Binding
	for i, a := range h.dir.Agents(h.dir.Domains()[0].ID) {
		dev := h.dir.DevicesOf(a.ID, time.Now())[0]
		source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), 5060)
		serve(h.net.ListenPacket(source.String()))
		contact := fmt.Sprintf("sip:%s@192.168.0.7", a.Number)
		rows = append(rows, &registrar.Binding{
			ID: presence.NewID().String(), Domain: a.Domain, Agent: a.ID, Device: dev.ID, AOR: a.AORs[0], Contact: contact, Head: "<" + contact + ">",
			Q: 1000, CallID: a.Number, CSeq: 7, Transport: "UDP", Source: source,
			Since: time.Now(), Grant: time.Hour, Stored: time.Now().Add(5 * time.Hour),
		})
	}
	if err := registrar.StoreForTest(ctx, h.store, rows); err != nil {
		t.Fatal(err)
	}
	h.crash()
	start := time.Now()
	return h, func() []time.Duration {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		out := make([]time.Duration, len(at))
		for i := range at {
			out[i] = at[i].Sub(start)
		}
		return out
	}
}

// busiest is the most questions in any window of that length.
func busiest(at []time.Duration, window time.Duration) (most int) {
	for i, first := 0, 0; i < len(at); i++ {
		for at[i]-at[first] >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// However many bindings come due at one moment, they are asked at the rate, and
// afterwards spread over the interval.
func TestQuestionsArePaced(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const phones = 2000
		_, asked := crowd(t, phones, registrar.Limits{QualifyRate: 400}, true)
		time.Sleep(5200 * time.Millisecond)
		first := asked()
		if len(first) != phones {
			t.Fatalf("%d of %d asked after 5.2 s at 400/s", len(first), phones)
		}
		if n := busiest(first, time.Second); n > 400+40 {
			t.Errorf("%d questions within a second", n)
		}
		time.Sleep(5 * time.Minute)
		at := asked()
		if n := len(at) - phones; n < 9*phones || n > 11*phones {
			t.Errorf("%d questions in 5 minutes of %d phones, want ten each", n, phones)
		}
		if n := busiest(at[len(at)/2:], time.Second); n > 150 {
			t.Errorf("%d questions within a second, of 67 on average", n)
		}
	})
}

// When everybody falls silent, as when our own network is down, no more questions
// are open than the limit; what is repeated are datagrams of those.
func TestOpenQuestionsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h, asked := crowd(t, 1000, registrar.Limits{QualifyOpen: 50, QualifyTimeout: 4 * time.Second}, false)
		time.Sleep(4 * time.Second)
		// 50 questions, sent at 0, 0.5, 1.5 and 3.5 s.
		if n := len(asked()); n > 4*50 {
			t.Errorf("%d datagrams in 4 s", n)
		}
		time.Sleep(10 * time.Minute)
		if n := h.rows(); n != 0 {
			t.Errorf("%d of 1000 silent phones still registered", n)
		}
	})
}

// What was replaced or removed is not asked, though it has a place on the clock.
func TestNobodyAsksForGoneBindings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1001", "10.0.1.1:5060")
		n := asked(p, 200)
		for range 50 { // each replaces the one before
			wantStatus(t, p.register(behindNAT, fmt.Sprintf("User-Agent: Desk/%d", p.seq), "Expires: 120"), 200)
		}
		wantStatus(t, p.register("Contact: *", "Expires: 0"), 200)
		time.Sleep(5 * time.Minute)
		if n.Load() != 0 {
			t.Errorf("asked %d times", n.Load())
		}
	})
}
