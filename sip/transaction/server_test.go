package transaction

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

func TestReplay(t *testing.T) {
	h := &handler{}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		raw := text("REGISTER", "z9hG4bK1")
		p.SendRaw(raw)
		p.SendRaw(raw) // while the answer is pending: absorbed
		if n := h.count("REGISTER"); n != 1 {
			t.Fatalf("%d requests reached the handler", n)
		}
		p.ExpectNone(siptest.Final, time.Second)
		h.last().Reply(200)
		first := p.Expect(siptest.Status(200))
		for range 3 {
			time.Sleep(10 * time.Second)
			p.SendRaw(raw)
		}
		synctest.Wait()
		if n := h.count("REGISTER"); n != 1 || p.Again() != 3 {
			t.Errorf("%d requests, %d replays", n, p.Again())
		}
		h.last().Reply(500) // a second final goes nowhere
		time.Sleep(5 * time.Second)
		if w.count("lamplight_sip_transactions replay") != 0 || w.count("lamplight_sip_transaction_drops_total second_final") != 1 {
			t.Error("the entry outlives 32 s, or a second final was sent")
		}
		p.SendRaw(raw)
		if n := h.count("REGISTER"); n != 2 {
			t.Errorf("%d requests after 35 s", n)
		}
		if first.ToTag() == "" {
			t.Error("no To tag")
		}
		p.Close()
	})
}

// What makes two requests different transactions (RFC 3261 §17.2.3).
func TestReplayKey(t *testing.T) {
	h := &handler{then: reply(200)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		base := string(text("OPTIONS", "z9hG4bK1"))
		old := strings.Replace(base, "branch=z9hG4bK1", "branch=1", 1)
		for _, c := range []struct {
			name, raw string
			want      bool
		}{
			{"first", base, true},
			{"same", base, false},
			{"branch", strings.Replace(base, "z9hG4bK1", "z9hG4bK2", 1), true},
			{"sent-by port", strings.Replace(base, "10.0.0.2:5060;branch", "10.0.0.2:5070;branch", 1), true},
			{"sent-by host", strings.Replace(base, "10.0.0.2:5060;branch", "a.example:5060;branch", 1), true},
			{"host in other case", strings.Replace(base, "10.0.0.2:5060;branch", "A.example:5060;branch", 1), false},
			{"method", strings.ReplaceAll(base, "OPTIONS", "MESSAGE"), true},
			{"Call-ID alone", strings.Replace(base, "Call-ID: 1@", "Call-ID: 2@", 1), false},
			{"RFC 2543", old, true},
			{"RFC 2543 again", old, false},
			{"RFC 2543, next CSeq", strings.Replace(old, "CSeq: 1", "CSeq: 2", 1), true},
			{"RFC 2543, From tag", strings.Replace(old, "tag=1", "tag=2", 1), true},
		} {
			before := h.count("OPTIONS") + h.count("MESSAGE")
			p.SendRaw([]byte(c.raw))
			if n := h.count("OPTIONS") + h.count("MESSAGE"); (n > before) != c.want {
				t.Errorf("%s: a new transaction: %v, want %v", c.name, n > before, c.want)
			}
		}
		p.Close()
	})
}

func TestReplayIsBounded(t *testing.T) {
	h := &handler{then: reply(200)}
	inWorld(t, Options{Handler: h, MaxReplay: 160}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		for i := range 5000 {
			p.SendRaw(text("OPTIONS", fmt.Sprint("z9hG4bK", i)))
		}
		if n := h.count("OPTIONS"); n != 5000 {
			t.Errorf("%d requests", n)
		}
		if n := w.count("lamplight_sip_transactions replay"); n > 160 {
			t.Errorf("%d remembered", n)
		}
		p.SendRaw(text("OPTIONS", "z9hG4bK4999"))
		if n := h.count("OPTIONS"); n != 5000 {
			t.Error("the newest was forgotten first")
		}
		p.Close()
	})
}

// What a stranger makes us repeat must not add up.
func TestReplayBytesAreBounded(t *testing.T) {
	h := &handler{then: reply(403)}
	inWorld(t, Options{Handler: h, MaxReplayBytes: 4 << 20, MaxInviteBytes: 1 << 20}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		large := "Via: SIP/2.0/UDP b;branch=z9hG4bK" + strings.Repeat("x", 15000) + "\n"
		for i := range 1000 {
			p.SendRaw(text("OPTIONS", fmt.Sprint("z9hG4bK", i), large))
			p.SendRaw(text("INVITE", fmt.Sprint("z9hG4bK", i), large))
			synctest.Wait()
		}
		synctest.Wait()
		total := 0
		for i := range w.replay.shards {
			s := &w.replay.shards[i]
			sum := 0
			for _, e := range s.m {
				sum += cap(e.reply)
			}
			if total += sum; sum != s.bytes {
				t.Errorf("shard %d holds %d bytes and counts %d", i, sum, s.bytes)
			}
		}
		if total > 4<<20 || total == 0 {
			t.Errorf("%d bytes of replies kept", total)
		}
		if n := w.invites.len(); n > 70 || n == 0 || w.invites.bytes > 1<<20 {
			t.Errorf("%d INVITEs with %d bytes kept", n, w.invites.bytes)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.invites.bytes != 0 || w.replay.len() != 0 {
			t.Errorf("%d bytes, %d entries left", w.invites.bytes, w.replay.len())
		}
		p.Close()
	})
}

func TestNothingKeptOnStreams(t *testing.T) {
	h := &handler{then: reply(200)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.stream("10.0.0.2:0")
		if res := p.Do(p.Request("REGISTER", "sip:example.com", "sip:a@example.com", "")); res.Status != 200 {
			t.Error(res.Status)
		}
		if n := w.count("lamplight_sip_transactions replay"); n != 0 {
			t.Errorf("%d remembered", n)
		}
		p.Close()
	})
}

// Responses by UDP (RFC 3581 §4, RFC 3261 §18.2.2).
func TestResponseRouting(t *testing.T) {
	h := &handler{then: reply(200)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		sender, other, standard := w.peer("10.0.0.2:40000"), w.peer("10.0.0.2:5070"), w.peer("10.0.0.2:5060")
		for name, c := range map[string]struct {
			via string
			at  *siptest.Peer
		}{
			"rport":                   {"192.168.1.9:5070;branch=z9hG4bKa;rport", sender},
			"no rport, sent-by port":  {"192.168.1.9:5070;branch=z9hG4bKb", other},
			"no rport, no port":       {"phone.example;branch=z9hG4bKc", standard},
			"forged received and all": {"10.0.0.9:5060;branch=z9hG4bKd;received=10.0.0.9;rport=5060", sender},
		} {
			raw := strings.Replace(string(text("OPTIONS", "x")), "10.0.0.2:5060;branch=x;rport", c.via, 1)
			sender.SendRaw([]byte(raw))
			m := c.at.Expect(siptest.Status(200))
			if v, _ := m.TopVia(); v.Received != "10.0.0.2" {
				t.Errorf("%s: received=%q", name, v.Received)
			}
		}
		for _, p := range []*siptest.Peer{sender, other, standard} {
			p.ExpectNone(siptest.Final, time.Second)
			p.Close()
		}
	})
}

// A private address behind a public one was translated; whoever else is known to
// be behind a translator is named by the options. Their answers follow the source,
// though they did not ask for it.
func TestResponsesFollowTheSourceBehindTranslators(t *testing.T) {
	h := &handler{then: reply(200)}
	forced := netip.MustParseAddrPort("10.0.0.3:40000")
	o := Options{Handler: h, ForceRPort: func(f *transport.Flow) bool { return f.Remote() == forced }}
	inWorld(t, o, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			from, via string
			to        string // "": back to from
		}{
			"private behind public":     {"203.0.113.7:40000", "192.168.1.9:5060", ""},
			"shared space":              {"203.0.113.7:40001", "100.64.3.4", ""},
			"public behind public":      {"203.0.113.7:40002", "198.51.100.4:5070", "203.0.113.7:5070"},
			"a name":                    {"203.0.113.7:40003", "phone.example:5071", "203.0.113.7:5071"},
			"two homes in one network":  {"10.0.0.2:40000", "10.9.9.9:5070", "10.0.0.2:5070"},
			"its own address":           {"192.168.1.9:40000", "192.168.1.9:5070", "192.168.1.9:5070"},
			"forced":                    {forced.String(), "pbx.example:5060", ""},
			"forced at its own address": {forced.String(), "10.0.0.3:5060", ""},
		} {
			p := w.peer(c.from)
			at := p
			if c.to != "" {
				at = w.peer(c.to)
			}
			p.SendRaw([]byte(strings.Replace(string(text("OPTIONS", "x")), "10.0.0.2:5060;branch=x;rport", c.via+";branch=z9hG4bK"+strings.ReplaceAll(name, " ", ""), 1)))
			if m := at.Expect(siptest.Final); m.Status != 200 {
				t.Errorf("%s: %d", name, m.Status)
			}
			p.Close()
			if at != p {
				at.Close()
			}
		}
	})
}

// RFC 5923: a stream of a trusted peer whose Via says alias is used for requests to
// the port that the Via names; what strangers say of themselves is not.
func TestStreamsOfPeersAreReused(t *testing.T) {
	h := &handler{then: reply(200)}
	trusted := netip.MustParseAddr("10.0.0.9")
	inWorld(t, Options{Handler: h, Alias: func(f *transport.Flow) bool { return f.Remote().Addr() == trusted }}, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			from, via, to string
			reused        bool
		}{
			"a peer":              {"10.0.0.9:40001", "10.0.0.9:5070;alias", "10.0.0.9:5070", true},
			"by its name":         {"10.0.0.9:40002", "pbx.test:5071;Alias", "10.0.0.9:5071", true},
			"the standard port":   {"10.0.0.9:40003", "pbx.test;alias", "10.0.0.9:5060", true},
			"it does not say so":  {"10.0.0.9:40004", "10.0.0.9:5072", "10.0.0.9:5072", false},
			"of another address":  {"10.0.0.9:40005", "10.0.0.10:5070;alias", "10.0.0.10:5070", false},
			"a stranger says so":  {"10.0.0.8:40001", "10.0.0.8:5070;alias", "10.0.0.8:5070", false},
			"its own, said or no": {"10.0.0.8:40002", "10.0.0.8:5070", "10.0.0.8:40002", true},
		} {
			p := w.stream(c.from)
			raw := strings.Replace(string(text("OPTIONS", "x")), "UDP 10.0.0.2:5060;branch=x;rport", "TCP "+c.via+";branch=z9hG4bKx", 1)
			p.SendRaw([]byte(strings.Replace(raw, "\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1)))
			p.Expect(siptest.Status(200))
			f, err := w.tp.Flow(t.Context(), transport.TCP, netip.MustParseAddrPort(c.to))
			if (err == nil) != c.reused || c.reused && f.Remote().String() != c.from {
				t.Errorf("%s: %v", name, err)
			}
			p.Close()
			synctest.Wait()
		}
	})
}

// On a stream that we open we say that the peer may send on it, too.
func TestOurOwnStreamsMayBeReused(t *testing.T) {
	inWorld(t, Options{Handler: &handler{}}, func(t *testing.T, w *world) {
		ln := w.net.Listen("10.0.0.9:5060")
		f, err := w.tp.Flow(t.Context(), transport.TCP, netip.MustParseAddrPort("10.0.0.9:5060"))
		if err != nil {
			t.Fatal(err)
		}
		if v := w.Via(f, "z9hG4bKx"); !strings.HasSuffix(v, ";branch=z9hG4bKx;rport;alias") {
			t.Errorf("Via %s", v)
		}
		p := w.stream("10.0.0.8:40000")
		p.SendRaw([]byte(strings.Replace(string(text("OPTIONS", "x")), "\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n", 1)))
		synctest.Wait()
		in, err := w.tp.Flow(t.Context(), transport.TCP, netip.MustParseAddrPort("10.0.0.8:40000"))
		if err != nil || strings.Contains(w.Via(in, "b"), "alias") {
			t.Errorf("Via on a stream that a peer opened: %v", err)
		}
		p.Close()
		ln.Close()
	})
}

func TestBadRequestsAreAnswered(t *testing.T) {
	h := &handler{then: reply(200)}
	inWorld(t, Options{Handler: h}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		good := string(text("OPTIONS", "z9hG4bK1"))
		i := 0
		for change, want := range map[string]int{
			"CSeq: 1 OPTIONS|CSeq: 1 INVITE":       400,
			"OPTIONS sip:bob@10|OPTIONS urn:x@10":  416,
			" SIP/2.0\r\nVia| SIP/7.0\r\nVia":      505,
			"Max-Forwards: 70|Content-Length: 500": 400,
			"Max-Forwards: 70|X y: bad name":       400,
		} {
			i++
			from, to, _ := strings.Cut(change, "|")
			raw := strings.Replace(good, from, to, 1)
			p.SendRaw([]byte(strings.Replace(raw, "z9hG4bK1", fmt.Sprint("z9hG4bKbad", i), 1)))
			if m := p.Expect(siptest.Final); m.Status != want {
				t.Errorf("%q: %d, want %d", change, m.Status, want)
			}
		}
		// An ACK is never answered, a bad response dropped.
		p.SendRaw([]byte(strings.ReplaceAll(strings.Replace(good, "Max-Forwards: 70", "Max-Forwards: x", 1), "OPTIONS", "ACK")))
		p.SendRaw([]byte("SIP/2.0 200 OK\r\nVia: x\r\n\r\n"))
		p.ExpectNone(siptest.Final, time.Second)
		if h.count("ACK") != 0 || w.count("lamplight_sip_transaction_drops_total bad_response") != 1 {
			t.Error("a bad ACK or response went on")
		}
		if n := w.count("lamplight_sip_requests_total OPTIONS UDP"); n != 3 {
			t.Errorf("%d requests counted", n)
		}
		p.Close()
	})
}

func TestTransactionOverload(t *testing.T) {
	h := &handler{}
	inWorld(t, Options{Handler: h, MaxInvite: 2}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		for i := range 3 {
			p.SendRaw(text("INVITE", fmt.Sprint("z9hG4bK", i)))
		}
		m := p.Expect(siptest.Status(503))
		if m.Get(message.RetryAfter) == "" || h.count("INVITE") != 2 {
			t.Errorf("%s", m.Raw)
		}
		for _, r := range h.got {
			r.Reply(486)
		}
		time.Sleep(40 * time.Second)
		p.Close()
	})
}

// An entry that expired behind a younger answer is begun anew, and its bytes are
// counted once.
func TestReplayOutOfOrder(t *testing.T) {
	c := newReplayCache(1600, 1<<20, time.Minute)
	at := time.Now()
	slow, quick := key{a: 0, b: 1}, key{a: shards, b: 1} // one shard
	c.begin(slow, at.Add(-2*time.Minute))
	c.begin(quick, at.Add(-2*time.Minute))
	c.answer(slow, make([]byte, 100), nil, true) // now
	c.answer(quick, make([]byte, 50), nil, false)
	if _, _, known := c.begin(quick, at); known {
		t.Error("two minutes old and still known")
	}
	if s := &c.shards[0]; s.bytes != 100 {
		t.Errorf("%d bytes counted, want 100", s.bytes)
	}
	c.answer(quick, make([]byte, 50), nil, true)
	c.purge(time.Now().Add(2 * time.Minute))
	if s := &c.shards[0]; s.bytes != 0 || len(s.m) != 0 || len(s.order) != 0 {
		t.Errorf("%d bytes, %d entries left", s.bytes, len(s.m))
	}
}
