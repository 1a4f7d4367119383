package proxy_test

import (
	"fmt"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// dialogRaces are those within a call.
var dialogRaces = []race{
	{"a BYE before the ACK ends the call", "RFC 3261 §15", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		callee := &dialog{p: r.desk[0], seen: siptest.WithToTag(a, ok.Get(message.To))}
		caller := &dialog{p: r.caller, seen: ok}
		callee.ends(r.t, caller)
		r.want("ended", "Offline")
		sendACK(r.caller, ok) // late
		r.desk[0].Expect(siptest.Method("ACK"))
		r.want("still ended", "Offline")
	}},
	{"a BYE overtakes the 200 of its own phone: nobody stays On a Call", "RFC 3261 §15", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 180)
		r.lost.next(1, sentBy(r.desk[0], answerTo("INVITE", 200)))
		r.says(0, a, 200)
		tag, err := message.Parse(message.NewResponse(a, 200, "").Bytes())
		if err != nil {
			r.t.Fatal(err)
		}
		callee := &dialog{p: r.desk[0], seen: siptest.WithToTag(a, tag.Get(message.To))}
		callee.send("BYE")
		bye := r.caller.Expect(siptest.Method("BYE")) // and leaves it unanswered until it has the 200
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		sendACK(r.caller, ok)
		r.caller.Respond(bye, 200)
		callee.gets(r.t, "BYE", 200)
		r.want("both ends have left", "Offline")
	}},
	{"a BYE overtakes the ACK that was sent before it", "RFC 3261 §13.2.2.4, §15", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		caller := &dialog{p: r.caller, seen: ok}
		callee := &dialog{p: r.desk[0], seen: siptest.WithToTag(a, ok.Get(message.To))}
		caller.send("BYE")
		callee.takes("BYE", 200)
		caller.gets(r.t, "BYE", 200)
		sendACK(r.caller, ok)
		r.want("ended", "Offline")
	}},
	{"a BYE crosses a BYE: both are passed on and answered", "RFC 3261 §15", func(r *raceTrack) {
		caller, callee := r.talks()
		caller.send("BYE")
		callee.send("BYE")
		callee.takes("BYE", 481)
		caller.takes("BYE", 481)
		caller.gets(r.t, "BYE", 481)
		callee.gets(r.t, "BYE", 481)
		r.want("ended", "Offline")
	}},
	{"a BYE that comes again is passed on once and answered as before", "RFC 3261 §17.2.2", func(r *raceTrack) {
		caller, callee := r.talks()
		bye := caller.p.InDialog("BYE", caller.seen).Set(message.CSeq, "200 BYE")
		caller.p.Send(bye)
		r.lost.next(1, sentByUs(answerTo("BYE", 200)))
		callee.takes("BYE", 200)
		synctest.Wait()
		caller.p.SendRaw(bye.Bytes())
		caller.gets(r.t, "BYE", 200)
		r.never(0, "BYE")
	}},
	{"a BYE to a phone that is silent ends the call for us", "RFC 3261 §15.1.1, RFC 4320 §4.2", func(r *raceTrack) {
		caller, _ := r.talks()
		r.desk[0].Close()
		caller.send("BYE")
		r.want("ended though nobody answers", "Offline")
		r.caller.ExpectNone(answerTo("BYE", 408), time.Minute)
	}},
	{"INVITEs within the call that cross are refused by both ends, and the call goes on", "RFC 3261 §14.1", func(r *raceTrack) {
		caller, callee := r.talks()
		caller.send("INVITE")
		callee.send("INVITE")
		callee.takes("INVITE", 491)
		caller.takes("INVITE", 491)
		caller.gets(r.t, "INVITE", 491)
		callee.gets(r.t, "INVITE", 491)
		r.want("still talking", "On a Call confirmed")
		time.Sleep(3 * time.Second) // §14.1: the owner of the Call-ID waits longer
		callee.hold(r.t, caller)
		r.want("held at last", "On a Call confirmed held")
		caller.ends(r.t, callee)
	}},
	{"the 200 of an INVITE within the call is lost twice", "RFC 3261 §14.2", func(r *raceTrack) {
		caller, callee := r.talks()
		caller.send("INVITE")
		again := callee.p.Expect(siptest.Method("INVITE"))
		r.lost.next(2, sentByUs(answerTo("INVITE", 200)))
		for range 3 {
			r.says(0, again, 200)
			time.Sleep(500 * time.Millisecond)
		}
		r.caller.Expect(answerTo("INVITE", 200))
		sendACK(r.caller, caller.seen) // by the routes that the dialog has
		r.desk[0].Expect(siptest.Method("ACK"))
		r.want("still talking", "On a Call confirmed")
		caller.ends(r.t, callee)
	}},
	{"an INVITE within the call that is taken back in the moment of its answer does not end the call", "RFC 3261 §9.1, §14", func(r *raceTrack) {
		caller, callee := r.talks()
		b := caller.p.InDialog("INVITE", caller.seen).Set(message.CSeq, "300 INVITE").Add(message.Contact, "<"+caller.p.Contact("caller")+">")
		caller.p.Send(b)
		inv, err := message.Parse(b.Bytes())
		if err != nil {
			r.t.Fatal(err)
		}
		again := callee.p.Expect(siptest.Method("INVITE"))
		r.says(0, again, 180)
		r.cancels(inv)
		r.says(0, again, 200)
		r.final(inv, 487)
		r.desk[0].Expect(siptest.Method("ACK"))
		r.never(0, "BYE")
		r.want("still talking", "On a Call confirmed")
		caller.ends(r.t, callee)
	}},
	{"a BYE while an INVITE within the call waits", "RFC 3261 §15.1.2", func(r *raceTrack) {
		caller, callee := r.talks()
		caller.send("INVITE")
		again := callee.p.Expect(siptest.Method("INVITE"))
		callee.send("BYE")
		caller.takes("BYE", 200)
		callee.gets(r.t, "BYE", 200)
		r.says(0, again, 487)
		caller.gets(r.t, "INVITE", 487)
		r.want("ended", "Offline")
	}},
	{"the ACK of a 200 that bears the branch of the INVITE reaches the phone", "RFC 2543 §10.1, RFC 3261 §17.1.1.3", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		ack := r.caller.InDialog("ACK", ok).Set(message.CSeq, "1 ACK").Via(inv.Get(message.Via))
		r.caller.SendRaw(ack.Bytes())
		r.desk[0].Expect(siptest.Method("ACK"))
		caller, callee := &dialog{p: r.caller, seen: ok}, &dialog{p: r.desk[0], seen: siptest.WithToTag(a, ok.Get(message.To))}
		caller.ends(r.t, callee)
	}},
	{"a PRACK that is lost comes again, and is passed on once", "RFC 3262 §3, §4", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		early := func() {
			r.desk[0].Respond(a, 183, message.Header{Name: message.Contact, Value: "<" + r.desk[0].Contact("phone") + ">"},
				message.Header{Name: message.Require, Value: "100rel"}, message.Header{Name: "RSeq", Value: "7"})
			synctest.Wait()
		}
		early()
		ringing := r.caller.Expect(siptest.Status(183))
		prack := r.caller.InDialog("PRACK", ringing).Add("RAck", "7 1 INVITE").Set(message.CSeq, "2 PRACK")
		r.lost.next(1, sentBy(r.caller, siptest.Method("PRACK")))
		r.caller.Send(prack)
		r.desk[0].ExpectNone(siptest.Method("PRACK"), 400*time.Millisecond)
		before := r.caller.Again()
		early() // the phone repeats it (§3)
		if r.caller.Again() != before+1 {
			r.t.Error("the 183 that came again was not passed on")
		}
		r.lost.next(1, sentByUs(answerTo("PRACK", 200)))
		r.caller.SendRaw(prack.Bytes())
		got := r.desk[0].Expect(siptest.Method("PRACK"))
		if got.Get("RAck") != "7 1 INVITE" || got.ToTag() == "" {
			r.t.Errorf("passed on as\n%s", got.Raw)
		}
		r.desk[0].Respond(got, 200)
		synctest.Wait()
		r.caller.SendRaw(prack.Bytes())
		r.caller.Expect(answerTo("PRACK", 200))
		r.desk[0].ExpectNone(siptest.Method("PRACK"), time.Second)
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, r.final(inv, 200))
		caller.ends(r.t, callee)
	}},
	{"a PRACK and the 200 cross", "RFC 3262 §3", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.desk[0].Respond(a, 183, message.Header{Name: message.Contact, Value: "<" + r.desk[0].Contact("phone") + ">"},
			message.Header{Name: message.Require, Value: "100rel"}, message.Header{Name: "RSeq", Value: "1"})
		ringing := r.caller.Expect(siptest.Status(183))
		r.caller.Send(r.caller.InDialog("PRACK", ringing).Add("RAck", "1 1 INVITE").Set(message.CSeq, "2 PRACK"))
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		r.desk[0].Respond(r.desk[0].Expect(siptest.Method("PRACK")), 200)
		r.caller.Expect(answerTo("PRACK", 200))
		caller, callee := r.connected(0, a, ok)
		caller.ends(r.t, callee)
	}},
}

// strayRaces are those of messages that belong to nothing, or come in floods.
var strayRaces = []race{
	{"a flood of the same INVITE is one call", "RFC 3261 §17.2.1", func(r *raceTrack) {
		inv := r.calls()
		for range 500 {
			r.caller.SendRaw(inv.Raw)
		}
		synctest.Wait()
		a, b := r.rings(0), r.rings(1)
		r.never(0, "INVITE")
		r.says(0, a, 486)
		r.says(1, b, 486)
		r.final(inv, 486)
		for range 500 {
			r.caller.SendRaw(inv.Raw)
		}
		r.never(0, "INVITE")
	}},
	{"a flood of the same 200, ACK and BYE is one call with one end", "RFC 3261 §17.2.2, RFC 6026 §7.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		for range 300 {
			r.desk[0].SendRaw(message.NewResponse(a, 200, "").Add(message.Contact, "<"+r.desk[0].Contact("phone")+">").Bytes())
		}
		caller, callee := r.connected(0, a, r.final(inv, 200))
		for range 300 {
			sendACK(r.caller, caller.seen)
		}
		bye := caller.p.InDialog("BYE", caller.seen).Set(message.CSeq, "200 BYE")
		caller.p.Send(bye)
		for range 300 {
			caller.p.SendRaw(bye.Bytes())
		}
		callee.takes("BYE", 200)
		caller.gets(r.t, "BYE", 200)
		r.never(0, "BYE")
		r.want("ended", "Offline")
	}},
	{"a response with a branch that is not ours changes nothing", "RFC 3261 §17.1.3, §16.7 step 1", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		for _, vias := range [][]string{
			{"SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnone", inv.Get(message.Via)},
			{"SIP/2.0/UDP 10.0.0.77:5060;branch=z9hG4bKother", inv.Get(message.Via)},
			{inv.Get(message.Via)}, // ours has been taken off
		} {
			wrong := *a
			wrong.Headers = nil
			for _, v := range vias {
				wrong.Headers = append(wrong.Headers, message.Header{Name: message.Via, Value: v})
			}
			for _, h := range a.Headers {
				if h.Name != message.Via {
					wrong.Headers = append(wrong.Headers, h)
				}
			}
			r.desk[0].SendRaw(message.NewResponse(&wrong, 200, "").Add(message.Contact, "<"+r.desk[0].Contact("phone")+">").Bytes())
		}
		r.caller.ExpectNone(siptest.Final, 10*time.Second)
		r.want("ringing or not yet", "Offline")
		r.says(0, a, 486)
		r.final(inv, 486)
	}},
	{"a response to another method on the branch of an INVITE is not the INVITE's", "RFC 3261 §17.1.3", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		other := *a
		other.Headers = append([]message.Header(nil), a.Headers...)
		for i := range other.Headers {
			if other.Headers[i].Name == message.CSeq {
				seq, _ := a.CSeq()
				other.Headers[i].Value = fmt.Sprint(seq, " OPTIONS")
			}
		}
		r.desk[0].SendRaw(message.NewResponse(&other, 200, "").Add(message.Contact, "<"+r.desk[0].Contact("phone")+">").Bytes())
		r.caller.ExpectNone(siptest.Final, 10*time.Second)
		r.says(0, a, 486)
		r.final(inv, 486)
	}},
	{"a request within a call that nobody knows is answered 481, its ACK not at all", "RFC 3261 §12.2.2", func(r *raceTrack) {
		b := r.caller.Request("BYE", called, outside, "").Set(message.To, "<"+called+">;tag=gone")
		if m := r.caller.Do(b); m.Status != 481 {
			r.t.Errorf("BYE answered %d", m.Status)
		}
		r.caller.Send(r.caller.Request("ACK", called, outside, "").Set(message.To, "<"+called+">;tag=gone"))
		r.caller.ExpectNone(siptest.Final, time.Minute)
	}},
}
