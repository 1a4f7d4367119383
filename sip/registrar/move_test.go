package registrar_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/registrar"
	"lamplight/store"
)

func (h *house) device(user string) presence.DeviceID {
	h.t.Helper()
	cred, ok := h.dir.Credential(h.domain, user)
	if !ok {
		h.t.Fatalf("no device %s", user)
	}
	return cred.Device
}

// give assigns a device to an agent from now on; "" takes it from whom it was.
func (h *house) give(user, number string) {
	h.t.Helper()
	dev, now := h.device(user), time.Now()
	e := directory.Edit{Actor: "agent:" + number, Cause: "api"}
	for _, a := range h.dir.AssignmentsOf(dev) {
		if a.To.IsZero() || a.To.After(now) {
			a.To = now
			e.Assignments = append(e.Assignments, a)
		}
	}
	if number != "" {
		e.Assignments = append(e.Assignments, presence.Assignment{Device: dev, Agent: h.agent(number), From: now})
	}
	if err := h.dir.Apply(context.Background(), e); err != nil {
		h.t.Fatal(err)
	}
}

// where says whose the bindings of 1002's desk phone are, in the registrar and in
// the snapshots, by agents' numbers.
func (h *house) where(contact string) string {
	h.t.Helper()
	synctest.Wait()
	var out []string
	for _, n := range []string{"1001", "1002", "1003"} {
		for range strings.Count(h.bound(n), contact) {
			out = append(out, n)
		}
		for range strings.Count(h.known(n), contact) {
			out = append(out, "known to "+n)
		}
	}
	return strings.Join(out, ", ")
}

func (h *house) wantAt(contact, number string) {
	h.t.Helper()
	time.Sleep(100 * time.Millisecond)
	want := number + ", known to " + number
	if number == "" {
		want = ""
	}
	if got := h.where(contact); got != want {
		h.t.Fatalf("%s is at %q, want %q", contact, got, want)
	}
}

// A phone that changes hands is its new holder's at once, without a word from it,
// and goes on registering what it was set up with.
func TestPhoneMovesWithItsAssignmentAndBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1002", "10.0.1.2:5060")
		const c = "sip:1002@10.0.1.2"
		refresh := func(wantContacts string) {
			t.Helper()
			res := p.register("Contact: <" + c + ">;expires=600")
			wantStatus(t, res, 200)
			if got := contacts(res); got != wantContacts {
				t.Fatalf("the 200 has %s, want %s", got, wantContacts)
			}
		}
		own := "<" + c + ">;expires=600"
		refresh(own)
		h.wantAt(c, "1002")
		id := h.reg.Bindings(h.agent("1002"))[0].ID

		h.give("1002", "1001")
		h.wantAt(c, "1001")
		refresh(own)
		rows := h.store.Stats().Rows
		refresh(own)
		if n := h.store.Stats().Rows - rows; n != 0 {
			t.Errorf("a refresh with the new holder wrote %d rows", n)
		}
		if b := h.reg.Bindings(h.agent("1001"))[0]; b.ID != id || b.AOR != "1001@demo.test" || b.Said != "1002@demo.test" {
			t.Errorf("moved binding: %+v", b)
		}
		// The holder's own phone is seen by both, whatever each calls itself.
		wantStatus(t, h.phone("1001", "10.0.1.1:5060").register("Contact: <sip:1001@10.0.1.1>;expires=600"), 200)
		refresh("<sip:1001@10.0.1.1>;expires=600, " + own)
		// By the holder's address it is the same contact, not a second one.
		p.aor = "sip:1001@demo.test"
		refresh("<sip:1001@10.0.1.1>;expires=600, " + own)
		p.aor = "sip:1002@demo.test"
		refresh("<sip:1001@10.0.1.1>;expires=600, " + own)
		// A stranger's address stays one.
		p.aor = "sip:1003@demo.test"
		wantStatus(t, p.register("Contact: <"+c+">"), 403)
		p.aor = "sip:1002@demo.test"

		h.crash()
		h.wantAt(c, "1001")
		wantStatus(t, p.register("Contact: <"+c+">;expires=600"), 200)
		h.give("1002", "1002")
		h.wantAt(c, "1002")
		refresh(own)
		if b := h.reg.Bindings(h.agent("1002"))[0]; b.AOR != "1002@demo.test" || b.Said != "" {
			t.Errorf("binding that came back: %+v", b)
		}
		wantStatus(t, p.register("Contact: *", "Expires: 0"), 200)
		h.wantAt(c, "")
	})
}

// The name it is authenticated by is the phone's own address even where it is no
// agent's; and the address of an agent that had it goes on being good.
func TestAddressesAPhoneMayGoBy(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1002-soft", "10.0.1.2:5060")
		h.give("1002-soft", "1001")
		for to, status := range map[string]int{
			"sip:1002-soft@demo.test":   200, // its own
			"sip:1002%2Dsoft@DEMO.TEST": 200,
			"sip:1002@demo.test":        200, // of who had it
			"sip:1001@demo.test":        200, // of who has it
			"sip:1003@demo.test":        403,
			"sip:1003-soft@demo.test":   404,
			"sip:nobody@demo.test":      404,
		} {
			p.aor = to
			if res := p.register("Contact: <sip:soft@10.0.1.2>"); res.Status != status {
				t.Errorf("%s: %d %s, want %d", to, res.Status, res.Phrase, status)
			}
		}
		h.wantAt("sip:soft@10.0.1.2", "1001")
	})
}

// By time alone: the shift ends, the phone is the next one's that moment.
func TestPhoneMovesWhenAShiftEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1002", "10.0.1.2:5060")
		const c = "sip:1002@10.0.1.2"
		dev, now := h.device("1002"), time.Now()
		old := h.dir.AssignmentsOf(dev)[0]
		old.To = now.Add(20 * time.Minute)
		e := directory.Edit{Actor: "config", Assignments: []presence.Assignment{
			old, {Device: dev, Agent: h.agent("1001"), From: old.To, To: now.Add(40 * time.Minute)},
			{Device: dev, Agent: h.agent("1002"), From: now.Add(40 * time.Minute)},
		}}
		if err := h.dir.Apply(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, p.register("Contact: <"+c+">"), 200)
		time.Sleep(20*time.Minute - time.Second)
		h.wantAt(c, "1002")
		time.Sleep(time.Second)
		h.wantAt(c, "1001")
		time.Sleep(20 * time.Minute)
		h.wantAt(c, "1002")
		if n := h.rows(); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

// An agent with a new number keeps the phone that goes by its own name; a softphone
// that registered the old number as such has lost its address.
func TestNewNumberKeepsThePhone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		desk, soft := h.phone("1001", "10.0.1.1:5060"), h.phone("1001-soft", "10.0.1.2:5060")
		wantStatus(t, desk.register("Contact: <sip:desk@10.0.1.1>"), 200)
		wantStatus(t, soft.register("Contact: <sip:soft@10.0.1.2>"), 200)
		a, _ := h.dir.Agent(h.agent("1001"))
		renamed := *a
		renamed.Number, renamed.AORs = "1009", nil
		if err := h.dir.Apply(t.Context(), directory.Edit{Agents: []presence.Agent{renamed}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		bs := h.reg.Bindings(a.ID)
		if len(bs) != 1 || bs[0].AOR != "1009@demo.test" || bs[0].Said != "1001@demo.test" {
			t.Fatalf("bindings %+v", bs)
		}
		if got := h.known("1009"); got != "sip:desk@10.0.1.1" {
			t.Errorf("routing knows %q", got)
		}
		wantStatus(t, desk.register("Contact: <sip:desk@10.0.1.1>"), 200)
		wantStatus(t, soft.register("Contact: <sip:soft@10.0.1.2>"), 404)
		h.crash()
		if n := h.rows(); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

// A shift that ends while the server is down has ended when it is back.
func TestShiftEndsWhileTheServerIsDown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1002", "10.0.1.2:5060")
		p.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
		const c = "sip:1002@10.0.1.2"
		dev := h.device("1002")
		old := h.dir.AssignmentsOf(dev)[0]
		old.To = time.Now().Add(10 * time.Minute)
		e := directory.Edit{Assignments: []presence.Assignment{old, {Device: dev, Agent: h.agent("1001"), From: old.To}}}
		if err := h.dir.Apply(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, p.register("Contact: <"+c+">"), 200)
		h.close()
		time.Sleep(10 * time.Minute)
		h.open()
		time.Sleep(time.Second)
		h.wantAt(c, "1001")
		wantStatus(t, p.register("Contact: <"+c+">"), 200)
		h.crash()
		time.Sleep(time.Second)
		h.wantAt(c, "1001")
		if n := h.rows(); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

// The phone of a free desk stays registered, is nobody's, and is whose it becomes.
func TestFreeDeskStaysRegistered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1002", "10.0.1.2:5060")
		const c = "sip:1002@10.0.1.2"
		wantStatus(t, p.register("Contact: <"+c+">"), 200)
		h.give("1002", "")
		h.wantAt(c, "")
		free := registrar.Unheld(h.device("1002"))
		if got := h.reg.Bindings(free); len(got) != 1 || got[0].AOR != "1002@demo.test" {
			t.Fatalf("a free desk has %+v", got)
		}
		res := p.register("Contact: <" + c + ">")
		wantStatus(t, res, 200)
		if got := contacts(res); got != "<"+c+">;expires=3600" {
			t.Errorf("contacts %s", got)
		}
		p.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
		h.crash()
		if got := h.reg.Bindings(free); len(got) != 1 {
			t.Fatalf("after a restart a free desk has %+v", got)
		}
		time.Sleep(time.Second)
		h.give("1002", "1003")
		h.wantAt(c, "1003")
		h.give("1002", "")
		time.Sleep(3 * time.Hour)
		if got := h.reg.Bindings(free); len(got) != 0 || h.rows() != 0 {
			t.Errorf("a free desk's binding did not end: %+v", got)
		}
		// Deleted, it is nobody's either.
		wantStatus(t, p.register("Contact: <"+c+">"), 200)
		if err := h.dir.Apply(t.Context(), directory.Edit{DeleteDevices: []presence.DeviceID{h.device("1002")}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := h.reg.Bindings(free); len(got) != 0 || h.rows() != 0 {
			t.Errorf("a deleted device has %+v", got)
		}
	})
}

// However a crash falls into a move, afterwards the binding is at the new holder,
// once.
func TestCrashInTheMiddleOfAMove(t *testing.T) {
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				p := h.phone("1002", "10.0.1.2:5060")
				const c = "sip:1002@10.0.1.2"
				wantStatus(t, p.register("Contact: <"+c+">"), 200)
				h.give("1002", "1001")
				time.Sleep(time.Duration(round) * 300 * time.Microsecond)
				h.crash()
				h.wantAt(c, "1001")
				if n := h.rows(); n != 1 {
					t.Errorf("%d rows", n)
				}
			})
		})
	}
}

// A REGISTER on its way while its device changes hands is answered, and whatever
// of the two comes first, the phone is bound once, at the new holder.
func TestRegisterRacesWithAMove(t *testing.T) {
	for round := range 16 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				p := h.phone("1002", "10.0.1.2:5060")
				const c = "sip:1002@10.0.1.2"
				if round%2 == 0 {
					wantStatus(t, p.register("Contact: <"+c+">;expires=600"), 200)
				}
				ask := p.Do(p.build())
				wantStatus(t, ask, 401)
				moved := make(chan struct{})
				go func() {
					defer close(moved)
					time.Sleep(time.Duration(round) * 250 * time.Microsecond)
					h.give("1002", "1001")
				}()
				for i := range 6 {
					p.Send(p.build(fmt.Sprintf("Contact: <%s>;expires=%d", c, 700+i)).Add(message.Authorization, authorize(t, ask, "1002", i+1)))
					time.Sleep(500 * time.Microsecond)
				}
				for range 6 {
					wantStatus(t, p.Expect(func(m *message.Message) bool { return m.Status >= 200 }), 200)
				}
				<-moved
				h.wantAt(c, "1001")
				if n := h.rows(); n != 1 {
					t.Errorf("%d rows", n)
				}
			})
		})
	}
}

// While the store takes nothing the binding waits, and is not lost.
func TestMoveWaitsForTheStore(t *testing.T) {
	for round := range 6 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				p := h.phone("1002", "10.0.1.2:5060")
				const c = "sip:1002@10.0.1.2"
				wantStatus(t, p.register("Contact: <"+c+">"), 200)
				h.give("1002", "1001")
				time.Sleep(time.Duration(round) * 400 * time.Microsecond)
				h.store.Fail(store.ErrFull)
				time.Sleep(20 * time.Second)
				h.store.Fail(nil)
				time.Sleep(10 * time.Second)
				h.wantAt(c, "1001")
				if n := h.rows(); n != 1 {
					t.Errorf("%d rows", n)
				}
			})
		})
	}
}

// A stream that ends while its binding is between two agents ends it all the
// same, within a second.
func TestStreamEndsInTheMiddleOfAMove(t *testing.T) {
	for round := range 8 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				p := h.stream("1002", "10.0.1.2:40000")
				const c = "sip:1002@10.0.1.2"
				wantStatus(t, p.register("Contact: <"+c+";transport=tcp>"), 200)
				h.give("1002", "1001")
				time.Sleep(time.Duration(round) * 400 * time.Microsecond)
				p.Close()
				time.Sleep(time.Second)
				h.wantAt(c, "")
				if n := h.rows(); n != 0 {
					t.Errorf("%d rows", n)
				}
			})
		})
	}
}
