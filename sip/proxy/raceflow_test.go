package proxy_test

import (
	"strings"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// flowRaces are those of connections that end, and of a server that does.
var flowRaces = []race{
	{"a phone's stream that ends while it rings is one refusal", "RFC 3261 §16.9", func(r *raceTrack) {
		r.desk[1].Register("sip:1001@demo.test", "1001", "pw", 0)
		r.desk[1] = r.phone("1001", "10.0.0.23:5060", true)
		inv := r.calls()
		a, b := r.rings(0), r.rings(1)
		r.says(1, b, 180)
		r.desk[1].Close()
		r.caller.ExpectNone(siptest.Final, 3*time.Second)
		r.says(0, a, 200)
		caller, callee := r.connected(0, a, r.final(inv, 200))
		caller.ends(r.t, callee)
	}},
	{"the last phone's stream that ends while it rings ends the call at once", "RFC 3261 §16.9", func(r *raceTrack) {
		r.alone()
		r.desk[0].Register("sip:1001@demo.test", "1001", "pw", 0)
		r.desk[0] = r.phone("1001", "10.0.0.23:5060", true)
		start := time.Now()
		inv := r.calls()
		r.says(0, r.rings(0), 180)
		r.desk[0].Close()
		r.final(inv, 480)
		if took := time.Since(start); took > time.Second {
			r.t.Errorf("after %v", took)
		}
	}},
	{"a phone's stream that ends between its 200 and the ACK", "RFC 3261 §15, RFC 5626 §5.3.1", func(r *raceTrack) {
		r.alone()
		r.desk[0].Register("sip:1001@demo.test", "1001", "pw", 0)
		r.desk[0] = r.phone("1001", "10.0.0.23:5060", true)
		inv := r.calls()
		r.says(0, r.rings(0), 200)
		ok := r.final(inv, 200)
		r.desk[0].Close()
		synctest.Wait()
		sendACK(r.caller, ok) // to nobody, and nobody is told
		caller := &dialog{p: r.caller, seen: ok}
		caller.send("BYE")
		caller.gets(r.t, "BYE", 430)
		r.want("ended", "Offline")
	}},
	{"a caller's stream that ends while phones ring: soon they ring no more", "RFC 3261 §17.2.4", func(r *raceTrack) {
		r.alone()
		p := siptest.NewStreamPeer(r.t, r.net, "10.0.0.9:5061", server)
		ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
		a := r.rings(0)
		r.says(0, a, 180)
		p.Close()
		r.desk[0].Timeout = 6 * time.Second
		r.canceled(0, a)
	}},
	{"a caller's stream that ends in the moment of the answer: the phone is released when he does not come back", "RFC 3261 §13.3.1.4, §17.2.4", func(r *raceTrack) {
		r.alone()
		p := siptest.NewStreamPeer(r.t, r.net, "10.0.0.9:5061", server)
		ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
		a := r.rings(0)
		p.Close()
		synctest.Wait()
		r.says(0, a, 200)
		r.desk[0].Timeout = 6 * time.Second
		r.released(0)
		r.want("released", "Offline")
	}},
	{"a server that is gone in the middle of ringing: the caller hears nothing, nobody rings On a Call", "RFC 3261 §17.1.1.2", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 180)
		r.restart()
		synctest.Wait()
		r.cancels(inv)
		r.caller.Expect(answerTo("CANCEL", 481))
		r.says(0, a, 200) // to nobody: the phone says BYE when no ACK comes
		r.want("after the restart", "Offline")
		callee := &dialog{p: r.desk[0], seen: siptest.WithToTag(a, strings.TrimSuffix(a.Get(message.To), ">")+">;tag=phone")}
		callee.send("BYE")
		r.caller.Respond(r.caller.Expect(siptest.Method("BYE")), 481)
		callee.gets(r.t, "BYE", 481)
	}},
	{"a server that is gone between the 200 and its ACK: the ACK still finds the phone", "RFC 3261 §13.2.2.4", func(r *raceTrack) {
		r.alone()
		inv := r.calls()
		a := r.rings(0)
		r.says(0, a, 200)
		ok := r.final(inv, 200)
		r.restart()
		synctest.Wait()
		caller, callee := r.connected(0, a, ok)
		callee.ends(r.t, caller)
	}},
	{"a server that is gone between a BYE and its answer: the BYE that comes again ends the call", "RFC 3261 §17.2.2", func(r *raceTrack) {
		caller, callee := r.talks()
		bye := caller.p.InDialog("BYE", caller.seen).Set(message.CSeq, "200 BYE")
		caller.p.Send(bye)
		got := callee.p.Expect(siptest.Method("BYE"))
		r.restart()
		synctest.Wait()
		callee.p.Respond(got, 200) // to nobody
		caller.p.SendRaw(bye.Bytes())
		callee.takes("BYE", 481)
		caller.gets(r.t, "BYE", 481)
		r.want("ended", "Offline")
	}},
}
