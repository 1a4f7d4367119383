package relay

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/sip/message"
	"lamplight/sip/outbound"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const server = "10.0.0.1:5060"

// way is a relay between a caller over UDP and a phone over TCP.
type way struct {
	t             *testing.T
	relay         *Relay
	caller, phone *siptest.Peer
	routes        []string // Record-Route as the phone got it
	mu            sync.Mutex
	seen, done    []string        // guarded by mu
	at            *transport.Flow // where the instance of every GRUU is
	from, to      *transport.Flow
}

func between(t *testing.T, f func(*way)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewNet()
		tp := transport.New(transport.Options{Dial: n.Dial})
		w := &way{t: t}
		var handle func(*transaction.Request)
		tx := transaction.New(transaction.Options{Transport: tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) { handle(r) })})
		fk := fork.New(fork.Options{Transactions: tx})
		w.relay = New(Options{Tokens: outbound.New(tp, []byte("secret")), Transactions: tx, Forker: fk,
			Instance: func(string) (string, *transport.Flow, bool) { return "sip:phone@now", w.at, w.at != nil },
			Seen: func(m *message.Message, settled func()) {
				w.note(&w.seen, m.Method)
				if m.Method != "PUBLISH" { // which takes a while
					settled()
					return
				}
				time.AfterFunc(time.Second, settled)
			},
			Answered: func(req, res *message.Message) {
				w.note(&w.done, req.Method+" "+res.Phrase)
			}})
		var from, to *transport.Flow
		handle = func(r *transaction.Request) {
			switch {
			case r.Method == "OPTIONS": // how the two make themselves known
				if r.Flow.Transport() == transport.TCP {
					to = r.Flow
				} else {
					from = r.Flow
				}
				r.Reply(200)
			case !w.relay.Serve(r) && r.Method != "ACK":
				r.Reply(404)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var served sync.WaitGroup
		served.Go(func() { _ = tp.ServePacket(ctx, n.ListenPacket(server)) })
		served.Go(func() { _ = tp.ServeStream(ctx, n.Listen(server), transport.TCP) })
		synctest.Wait()
		w.caller = siptest.NewPeer(t, n, "10.0.0.9:5060", server)
		w.phone = siptest.NewStreamPeer(t, n, "10.0.0.2:33333", server)
		for _, p := range []*siptest.Peer{w.caller, w.phone} {
			p.Do(p.Request("OPTIONS", "sip:10.0.0.1", "sip:a@b", ""))
		}
		synctest.Wait()
		w.routes = w.relay.RecordRoute(from, to)
		w.from, w.to = from, to
		f(w)
		cancel()
		served.Wait()
		fk.Close()
		tp.Close()
		tx.Close()
	})
}

func (w *way) note(list *[]string, s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, s)
}

// request is one of the dialog; the phone's route set is as recorded, the
// caller's the reverse (RFC 3261 §12.1).
func (w *way) request(p *siptest.Peer, method, uri string) *message.Builder {
	routes := w.routes
	if p == w.caller {
		routes = []string{w.routes[1], w.routes[0]}
	}
	b := p.Request(method, uri, "sip:a@b", "")
	return b.Set(message.To, "<sip:b@c>;tag=2").Add(message.Route, routes[0]).Add(message.Route, routes[1]).Add(message.Route, "<sip:further;lr>")
}

func TestRequestsOfADialogPassBothWays(t *testing.T) {
	between(t, func(w *way) {
		for name, c := range map[string]struct {
			from, to *siptest.Peer
		}{"caller to phone": {w.caller, w.phone}, "phone to caller": {w.phone, w.caller}} {
			for _, method := range []string{"BYE", "INFO", "UPDATE", "REFER", "PRACK", "MESSAGE", "NOTIFY"} {
				c.from.Send(w.request(c.from, method, "sip:target@nowhere.invalid"))
				got := c.to.Expect(siptest.Method(method))
				if got.URI != "sip:target@nowhere.invalid" || strings.Join(got.Values(message.Route), ",") != "<sip:further;lr>" || got.Get(message.MaxForwards) != "69" {
					t.Fatalf("%s: passed on as\n%s", name, got.Raw)
				}
				c.to.Respond(got, 299)
				if m := c.from.Expect(siptest.Final); m.Status != 299 || len(m.Values(message.Via)) != 1 {
					t.Errorf("%s: answered\n%s", name, m.Raw)
				}
			}
			c.from.Send(w.request(c.from, "ACK", "sip:target@nowhere.invalid"))
			c.to.Expect(siptest.Method("ACK"))
			c.from.Send(w.request(c.from, "INVITE", "sip:target@nowhere.invalid"))
			inv := c.to.Expect(siptest.Method("INVITE"))
			if inv.Has(message.RecordRoute) {
				t.Errorf("%s: a re-INVITE records routes", name)
			}
			c.to.Respond(inv, 200)
			if m := c.from.Expect(siptest.Final); m.Status != 200 {
				t.Errorf("%s: re-INVITE answered %d", name, m.Status)
			}
		}
		synctest.Wait()
		if len(w.seen) != 18 || len(w.done) != 16 {
			t.Errorf("told of %d requests and %d answers", len(w.seen), len(w.done))
		}
	})
}

func TestRoutesAreOfDialogs(t *testing.T) {
	between(t, func(w *way) {
		m := w.caller.Do(w.request(w.caller, "INVITE", "sip:x@y").Set(message.To, "<sip:b@c>"))
		if m.Status != 403 {
			t.Errorf("a new call by an old route is answered %d", m.Status)
		}
		for _, route := range []string{"<sip:10.0.0.1;lr>", "<sip:ftforged@10.0.0.1;lr>", "<sip:us>, <bad"} {
			if m := w.caller.Do(w.caller.Request("BYE", "sip:x@y", "sip:a@b", "").Set(message.To, "<sip:b@c>;tag=2").Add(message.Route, route)); m.Status != 404 && m.Status != 400 {
				t.Errorf("route %s is answered %d", route, m.Status)
			}
		}
		w.phone.ExpectNone(func(*message.Message) bool { return true }, time.Second)
	})
}

func TestFlowThatHasEnded(t *testing.T) {
	between(t, func(w *way) {
		w.caller.Send(w.request(w.caller, "BYE", "sip:x@y"))
		w.phone.Expect(siptest.Method("BYE"))
		w.phone.Close() // without an answer
		if m := w.caller.Expect(siptest.Final); m.Status != 430 {
			t.Errorf("cut off in the middle: %d", m.Status)
		}
		start := time.Now()
		if m := w.caller.Do(w.request(w.caller, "BYE", "sip:x@y")); m.Status != 430 || time.Since(start) > time.Second {
			t.Errorf("by an ended flow: %d after %v", m.Status, time.Since(start))
		}
		w.caller.Send(w.request(w.caller, "ACK", "sip:x@y")) // of which nothing is heard
		w.caller.ExpectNone(func(*message.Message) bool { return true }, time.Second)
	})
}

func TestSilenceIsNotAnswered(t *testing.T) {
	between(t, func(w *way) {
		w.phone.Send(w.request(w.phone, "INFO", "sip:x@y"))
		w.caller.Expect(siptest.Method("INFO"))
		w.phone.ExpectNone(siptest.Final, 40*time.Second)
	})
}

// A phone that names itself by its GRUU is reached at its contact, and where it went
// since the dialog began (RFC 5627 §6.1).
func TestRequestsToGRUUsReachTheirInstance(t *testing.T) {
	between(t, func(w *way) {
		const gruu = "sip:1001@demo.test;gr=urn:uuid:1"
		send := func(to *siptest.Peer, uri string, routes ...string) *message.Message {
			b := w.caller.Request("INFO", uri, "sip:a@b", "").Set(message.To, "<sip:b@c>;tag=2")
			for _, r := range append([]string{w.routes[1], w.routes[0]}, routes...) {
				b.Add(message.Route, r)
			}
			w.caller.Send(b)
			got := to.Expect(siptest.Method("INFO"))
			to.Respond(got, 200)
			w.caller.Expect(siptest.Final)
			return got
		}
		if got := send(w.phone, gruu); got.URI != gruu {
			t.Errorf("a GRUU that is unknown was made %s", got.URI)
		}
		w.at = w.to
		if got := send(w.phone, gruu); got.URI != "sip:phone@now" {
			t.Errorf("passed on to %s", got.URI)
		}
		if got := send(w.phone, gruu, "<sip:further;lr>"); got.URI != gruu {
			t.Errorf("a GRUU beyond another proxy was made %s", got.URI)
		}
		if got := send(w.phone, "sip:phone@then"); got.URI != "sip:phone@then" {
			t.Errorf("a contact was made %s", got.URI)
		}
		w.phone.Close() // the flow that the route names
		w.at = w.from
		time.Sleep(time.Second)
		if got := send(w.caller, gruu); got.URI != "sip:phone@now" {
			t.Errorf("passed on to %s", got.URI)
		}
	})
}

func TestAnswerPassesWhenWhatWasAskedIsSettled(t *testing.T) {
	between(t, func(w *way) {
		start := time.Now()
		w.caller.Send(w.request(w.caller, "PUBLISH", "sip:x@y"))
		w.phone.Respond(w.phone.Expect(siptest.Method("PUBLISH")), 200)
		if m := w.caller.Expect(siptest.Final); m.Status != 200 || time.Since(start) != time.Second {
			t.Errorf("answered %d after %v", m.Status, time.Since(start))
		}
		w.caller.Send(w.request(w.caller, "PUBLISH", "sip:x@y").Set(message.CSeq, "50 PUBLISH"))
		inv := w.phone.Expect(siptest.Method("PUBLISH"))
		time.Sleep(2 * time.Second)
		w.phone.Respond(inv, 200)
		w.caller.Expect(siptest.Final)
	})
}
