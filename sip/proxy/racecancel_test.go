package proxy_test

import (
	"strings"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// cancelRaces are those of a caller that gives up.
var cancelRaces = []race{
	{"a CANCEL waits for the phone's first word", "RFC 3261 §9.1", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.cancels(inv)
		r.caller.Expect(answerTo("CANCEL", 200))
		r.final(inv, 487)
		r.desk[0].ExpectNone(siptest.Method("CANCEL"), time.Second)
		r.says(0, a, 180)
		r.canceled(0, a)
		r.says(1, b, 100)
		r.canceled(1, b)
		r.noOtherFinal()
	}},
	{"a CANCEL before the first word of a phone that then answers releases it", "RFC 3261 §9.1, §16.7", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.cancels(inv)
		r.final(inv, 487)
		r.says(0, a, 200)
		r.released(0)
		r.says(1, b, 486)
		r.desk[1].Expect(siptest.Method("ACK"))
		r.noOtherFinal()
	}},
	{"of a CANCEL and a 200 that cross the CANCEL is first: 487, and the phone is released", "RFC 3261 §9.1, §15", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.cancels(inv)
		r.says(0, a, 200) // it has not seen the CANCEL yet
		r.final(inv, 487)
		r.released(0)
		r.desk[0].Respond(r.desk[0].Expect(siptest.Method("CANCEL")), 481)
		r.canceled(1, b)
		r.noOtherFinal()
	}},
	{"of a CANCEL and a 200 that cross the 200 is first: the CANCEL changes nothing", "RFC 3261 §9.2", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.says(0, a, 200)
		r.cancels(inv)
		r.caller.Expect(answerTo("CANCEL", 200))
		ok := r.final(inv, 200)
		r.canceled(1, b)
		caller, callee := r.connected(0, a, ok)
		r.never(0, "CANCEL")
		caller.ends(r.t, callee)
	}},
	{"of a CANCEL and the last refusal that cross the CANCEL is first: 487", "RFC 3261 §9.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 180)
		r.cancels(inv)
		r.says(0, a, 486)
		r.final(inv, 487)
		r.desk[0].Expect(siptest.Method("ACK"))
		r.noOtherFinal()
	}},
	{"of a CANCEL and the last refusal that cross the refusal is first: it stands", "RFC 3261 §9.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 486)
		r.cancels(inv)
		r.caller.Expect(answerTo("CANCEL", 200))
		r.final(inv, 486)
		r.noOtherFinal()
		r.never(0, "CANCEL")
	}},
	{"a CANCEL that comes again is answered again and cancels once", "RFC 3261 §9.2, §17.2.2", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.lost.next(1, sentByUs(answerTo("CANCEL", 200)))
		r.cancels(inv)
		r.cancels(inv)
		r.caller.Expect(answerTo("CANCEL", 200))
		r.final(inv, 487)
		r.canceled(0, a)
		r.canceled(1, b)
		r.never(0, "CANCEL")
	}},
	{"our CANCEL is sent again until the phone answers it", "RFC 3261 §9.1, §17.1.2", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.lost.next(3, sentByUs(siptest.Method("CANCEL")))
		r.cancels(inv)
		r.final(inv, 487)
		r.canceled(0, a)
		r.canceled(1, b)
	}},
	{"a phone that acknowledges a CANCEL and never ends its INVITE does not hold us", "RFC 3261 §9.1", func(r *raceTrack) {
		inv := r.calls()
		a := r.rings(0)
		r.rings(1)
		r.says(0, a, 180)
		r.cancels(inv)
		r.final(inv, 487)
		r.desk[0].Respond(r.desk[0].Expect(siptest.Method("CANCEL")), 200)
		time.Sleep(time.Minute)
		if n := r.open("invite_client"); n != 0 {
			r.t.Errorf("%d transactions still wait", n)
		}
	}},
	{"a CANCEL that overtakes its INVITE is for nothing, and the call rings", "RFC 3261 §9.2", func(r *raceTrack) {
		first := r.caller.Request("INVITE", called, outside, "").Add(message.Contact, "<"+r.caller.Contact("caller")+">").
			Add(message.CallKind, "regular").Via(r.caller.Via("z9hG4bKovertaken"))
		inv, err := message.Parse(first.Bytes())
		if err != nil {
			r.t.Fatal(err)
		}
		r.cancels(inv)
		r.caller.Expect(answerTo("CANCEL", 481))
		r.caller.SendRaw(inv.Raw)
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 486)
		r.says(1, b, 486)
		r.final(inv, 486)
	}},
	{"a CANCEL for a transaction nobody knows is answered 481", "RFC 3261 §9.2", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		other := *inv
		other.Headers = append([]message.Header{{Name: message.Via, Value: r.caller.Via("z9hG4bKunknown")}}, inv.Headers[1:]...)
		r.cancels(&other)
		r.caller.Expect(answerTo("CANCEL", 481))
		r.never(0, "CANCEL")
		r.says(0, a, 486)
		r.says(1, b, 486)
		r.final(inv, 486)
	}},
	{"a stranger's CANCEL with the branch of a call is for another transaction", "RFC 3261 §17.2.3", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		thief := siptest.NewPeer(r.t, r.net, "10.0.0.66:5060", server)
		via, _ := inv.TopVia()
		forged := strings.Replace(string(hopBy(inv, "CANCEL", inv.Get(message.To))), inv.Get(message.Via), thief.Via(via.Branch), 1)
		thief.SendRaw([]byte(forged))
		thief.Expect(answerTo("CANCEL", 481))
		r.never(0, "CANCEL")
		r.says(0, a, 486)
		r.says(1, b, 486)
		r.final(inv, 486)
	}},
	{"a CANCEL while the answer is being made durable: 487, and the phone is released", "RFC 3261 §9.2", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(1, b, 180)
		// Both in one breath: the 200 waits for its commit.
		r.desk[0].Respond(a, 200, message.Header{Name: message.Contact, Value: "<" + r.desk[0].Contact("phone") + ">"})
		r.caller.SendRaw(hopBy(inv, "CANCEL", inv.Get(message.To)))
		synctest.Wait()
		m := r.caller.Expect(func(m *message.Message) bool { _, of := m.CSeq(); return of == "INVITE" && m.Status >= 200 })
		r.canceled(1, b)
		switch m.Status { // either order is right; both ends must agree on it
		case 200:
			caller, callee := r.connected(0, a, m)
			caller.ends(r.t, callee)
		case 487:
			r.caller.SendRaw(hopBy(inv, "ACK", m.Get(message.To)))
			r.released(0)
		default:
			r.t.Errorf("the caller is answered %d", m.Status)
		}
	}},
	{"a 200 after the 487 that a phone ended its INVITE by is released", "RFC 3261 §16.7 step 5", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.cancels(inv)
		r.final(inv, 487)
		r.canceled(0, a)
		r.canceled(1, b)
		// A proxy in front of several phones, one of which picked up.
		r.desk[0].SendRaw(message.NewResponse(a, 200, "").ToTag("picked-up").Add(message.Contact, "<"+r.desk[0].Contact("other")+">").Bytes())
		r.desk[0].Expect(func(m *message.Message) bool { return m.Method == "ACK" && m.ToTag() == "picked-up" })
		r.desk[0].Respond(r.desk[0].Expect(siptest.Method("BYE")), 200)
		r.noOtherFinal()
	}},
}
