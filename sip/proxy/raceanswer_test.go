package proxy_test

import (
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// answerRaces are those of answers.
var answerRaces = []race{
	{"of two phones that answer at once one has the call, the other is released", "RFC 3261 §16.7 step 5", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		for i, m := range []*message.Message{a, b} {
			r.desk[i].Respond(m, 200, message.Header{Name: message.Contact, Value: "<" + r.desk[i].Contact("phone") + ">"})
		}
		synctest.Wait()
		ok := r.final(inv, 200)
		winner, invite := 0, a
		if uri := ok.Get(message.Contact); uri == "<"+r.desk[1].Contact("phone")+">" {
			winner, invite = 1, b
		}
		r.released(1 - winner)
		caller, callee := r.connected(winner, invite, ok)
		r.noOtherFinal()
		callee.ends(r.t, caller)
	}},
	{"an answer that crosses the CANCEL of a branch is released, however often it comes", "RFC 3261 §16.7, RFC 6026 §7.2", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.says(0, a, 200)
		r.says(1, b, 200)
		ok := r.final(inv, 200)
		caller, callee := r.connected(0, a, ok)
		r.desk[1].Expect(siptest.Method("ACK"))
		bye := r.desk[1].Expect(siptest.Method("BYE"))
		r.says(1, b, 200) // our ACK was late
		r.desk[1].Expect(siptest.Method("ACK"))
		r.never(1, "BYE") // it has one
		r.desk[1].Respond(bye, 200)
		r.want("still talking", "On a Call confirmed")
		caller.ends(r.t, callee)
	}},
	{"a phone that lost the race and hangs up by itself ends nobody's call", "RFC 3261 §12.2.2, §15.1.2", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.says(0, a, 200)
		r.says(1, b, 200)
		ok := r.final(inv, 200)
		caller, callee := r.connected(0, a, ok)
		r.desk[1].Expect(siptest.Method("ACK"))
		loser := &dialog{p: r.desk[1], seen: siptest.WithToTag(b, r.desk[1].Expect(siptest.Method("BYE")).Get(message.To))}
		loser.send("BYE")
		r.caller.Respond(r.caller.Expect(siptest.Method("BYE")), 481)
		loser.gets(r.t, "BYE", 481)
		r.want("still talking", "On a Call confirmed")
		caller.ends(r.t, callee)
	}},
	{"a lost 200 of the phone comes again", "RFC 3261 §13.3.1.4", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.lost.next(1, sentBy(r.desk[0], siptest.Status(200)))
		r.says(0, a, 200)
		r.caller.ExpectNone(siptest.Status(200), 500*time.Millisecond)
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, r.final(inv, 200))
		caller.ends(r.t, callee)
	}},
	{"a 200 that is lost on its way to the caller is passed on again, and not made by us", "RFC 6026 §7.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.lost.next(1, sentByUs(answerTo("INVITE", 200)))
		r.says(0, a, 200)
		r.caller.ExpectNone(siptest.Status(200), 10*time.Second)
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, r.final(inv, 200))
		caller.ends(r.t, callee)
	}},
	{"a lost ACK of the caller: the 200 that comes again reaches it, and its next ACK the phone", "RFC 3261 §13.2.2.4, RFC 6026 §7.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		r.lost.next(1, sentBy(r.caller, siptest.Method("ACK")))
		sendACK(r.caller, ok)
		r.desk[0].ExpectNone(siptest.Method("ACK"), 400*time.Millisecond)
		before := r.caller.Again()
		r.says(0, a, 200)
		if r.caller.Again() != before+1 {
			r.t.Errorf("the 200 that came again was passed on %d times", r.caller.Again()-before)
		}
		caller, callee := r.connected(0, a, ok)
		caller.ends(r.t, callee)
	}},
	{"an ACK that is lost on its way to the phone", "RFC 3261 §13.2.2.4", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		r.lost.next(1, sentByUs(siptest.Method("ACK")))
		sendACK(r.caller, ok)
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, ok)
		caller.ends(r.t, callee)
	}},
	{"a caller that never acknowledges: the phone hangs up, and nobody stays On a Call", "RFC 3261 §13.3.1.4", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		for range 10 {
			time.Sleep(3 * time.Second)
			r.says(0, a, 200)
		}
		callee := &dialog{p: r.desk[0], seen: siptest.WithToTag(a, ok.Get(message.To))}
		callee.send("BYE")
		r.caller.Respond(r.caller.Expect(siptest.Method("BYE")), 481)
		callee.gets(r.t, "BYE", 481)
	}},
	{"an INVITE that comes again after the 200 rings nobody and is not answered by us", "RFC 6026 §7.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		before := r.caller.Again()
		r.caller.SendRaw(inv.Raw)
		r.caller.SendRaw(inv.Raw)
		synctest.Wait()
		if again := r.caller.Again() - before; again != 0 {
			r.t.Errorf("%d answers to INVITEs that came again", again)
		}
		r.never(0, "INVITE")
		caller, callee := r.connected(0, a, ok)
		r.caller.SendRaw(inv.Raw) // very late
		r.never(0, "INVITE")
		caller.ends(r.t, callee)
	}},
	{"a provisional response after the 200 is not passed on", "RFC 3261 §17.2.1, RFC 6026 §7.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		r.says(0, a, 180)
		r.caller.ExpectNone(siptest.Status(180), time.Minute)
		caller, callee := r.connected(0, a, ok)
		caller.ends(r.t, callee)
	}},
	{"a provisional response that is lost costs nothing", "RFC 3261 §17.1.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.lost.next(2, sentBy(r.desk[0], siptest.Status(180)))
		r.says(0, a, 180)
		r.caller.ExpectNone(siptest.Status(180), 100*time.Millisecond)
		time.Sleep(5 * time.Second) // the INVITE comes again, the phone repeats its 180
		r.caller.Expect(siptest.Status(180))
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, r.final(inv, 200))
		caller.ends(r.t, callee)
	}},
	{"an answer after the ringing time: 408 stands, the phone is released", "RFC 3261 §16.8", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 180)
		r.caller.Timeout = 2 * time.Minute
		r.final(inv, 408)
		r.desk[0].Expect(siptest.Method("CANCEL"))
		r.says(0, a, 200)
		r.released(0)
		r.canceled(1, b)
		r.noOtherFinal()
	}},
	{"an answer of a phone that never said a word, after Timer B: 408 stands", "RFC 3261 §17.1.1.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.final(inv, 408)
		r.says(0, a, 200) // its transaction is gone; the phone ends the call by itself
		r.noOtherFinal()
		r.want("after it", "Offline")
	}},
	{"an answer that comes again after Timer M is dropped", "RFC 6026 §7.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, r.final(inv, 200))
		time.Sleep(time.Minute)
		before := r.caller.Again()
		r.says(0, a, 200)
		if r.caller.Again() != before {
			r.t.Error("passed on though nobody knows it any more")
		}
		r.want("still talking", "On a Call confirmed")
		caller.ends(r.t, callee)
	}},
	{"a second answer of another phone behind the same branch is released", "RFC 6026 §8.4", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, r.final(inv, 200))
		r.desk[0].SendRaw(message.NewResponse(a, 200, "").ToTag("other").Add(message.Contact, "<"+r.desk[0].Contact("other")+">").Bytes())
		r.desk[0].Expect(func(m *message.Message) bool { return m.Method == "ACK" && m.ToTag() == "other" })
		r.desk[0].Respond(r.desk[0].Expect(func(m *message.Message) bool { return m.Method == "BYE" && m.ToTag() == "other" }), 200)
		r.want("still talking", "On a Call confirmed")
		caller.ends(r.t, callee)
	}},
}

// refusalRaces are those of refusals.
var refusalRaces = []race{
	{"a lost ACK of the caller to a refusal: the refusal comes again until it is acknowledged", "RFC 3261 §17.2.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.lost.next(2, sentBy(r.caller, siptest.Method("ACK")))
		r.says(0, a, 486)
		m := r.final(inv, 486)
		time.Sleep(2 * time.Second)
		if r.caller.Again() < 2 {
			r.t.Errorf("486 sent again %d times", r.caller.Again())
		}
		r.caller.SendRaw(hopBy(inv, "ACK", m.Get(message.To)))
		r.caller.SendRaw(hopBy(inv, "ACK", m.Get(message.To)))
		synctest.Wait()
		before := r.caller.Again()
		time.Sleep(30 * time.Second)
		if r.caller.Again() != before {
			r.t.Error("486 sent again after its ACK")
		}
	}},
	{"a refusal that is lost on its way to the caller comes again", "RFC 3261 §17.2.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		r.lost.next(3, sentByUs(answerTo("INVITE", 486)))
		r.says(0, r.rings(0), 486)
		r.final(inv, 486)
	}},
	{"our ACK of a refusal is lost: the refusal that comes again is acknowledged again, and not passed on", "RFC 3261 §17.1.1.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.lost.next(1, sentByUs(siptest.Method("ACK")))
		r.says(0, a, 486)
		r.desk[0].ExpectNone(siptest.Method("ACK"), 100*time.Millisecond)
		r.says(0, a, 486)
		r.desk[0].Expect(siptest.Method("ACK"))
		r.final(inv, 486)
		if r.caller.Again() != 0 {
			r.t.Error("passed on twice")
		}
	}},
	{"the ACK of a refusal goes no further than to us", "RFC 3261 §17.1.1.3", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		r.says(0, r.rings(0), 486)
		r.desk[0].Expect(siptest.Method("ACK"))
		r.final(inv, 486)
		r.never(0, "ACK")
	}},
	{"an ACK of a refusal on another branch acknowledges nothing and reaches nobody", "RFC 3261 §17.1.1.3", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		r.says(0, r.rings(0), 486)
		r.desk[0].Expect(siptest.Method("ACK"))
		m := r.caller.Expect(siptest.Status(486))
		r.caller.Send(message.NewRequest("ACK", inv.URI).Add(message.From, inv.Get(message.From)).Add(message.To, m.Get(message.To)).
			Add(message.CallID, inv.CallID()).Add(message.CSeq, "1 ACK"))
		r.never(0, "ACK")
		if r.caller.Again() < 5 {
			r.t.Errorf("486 sent again only %d times", r.caller.Again())
		}
	}},
	{"an INVITE that comes again after a refusal gets the same refusal", "RFC 3261 §17.2.1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		r.says(0, r.rings(0), 486)
		m := r.caller.Expect(siptest.Status(486))
		before := r.caller.Again()
		r.caller.SendRaw(inv.Raw)
		synctest.Wait()
		if r.caller.Again() == before {
			r.t.Error("no answer")
		}
		r.never(0, "INVITE")
		r.caller.SendRaw(hopBy(inv, "ACK", m.Get(message.To)))
	}},
	{"a refusal of all and an answer: who answered before is connected", "RFC 3261 §16.7 step 5", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 200)
		r.says(1, b, 603)
		r.desk[1].Expect(siptest.Method("ACK"))
		caller, callee := r.connected(0, a, r.final(inv, 200))
		r.noOtherFinal()
		caller.ends(r.t, callee)
	}},
	{"a refusal of all and an answer: who answers after is released", "RFC 3261 §16.7 step 5", func(r *raceTrack) {
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(0, a, 180)
		r.says(1, b, 603)
		r.says(0, a, 200)
		m := r.caller.Expect(func(m *message.Message) bool { _, of := m.CSeq(); return of == "INVITE" && m.Status >= 200 })
		if m.Status == 200 { // the 603 waited for the others (§16.7 step 5): then the call is theirs
			caller, callee := r.connected(0, a, m)
			caller.ends(r.t, callee)
			return
		}
		r.caller.SendRaw(hopBy(inv, "ACK", m.Get(message.To)))
		r.released(0)
		r.noOtherFinal()
	}},
	{"a refusal after the answer of the same phone is not heard", "RFC 6026 §7.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		r.says(0, a, 486)
		r.noOtherFinal()
		caller, callee := r.connected(0, a, ok)
		caller.ends(r.t, callee)
	}},
}
