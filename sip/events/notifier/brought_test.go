package notifier

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
)

// bringing is a board whose SUBSCRIBEs bring a list (RFC 5367); empty: none.
type bringing struct {
	*board
	body     string
	encoding string
}

func (r *rig) bringing(addr, user string, users ...string) *bringing {
	b := &bringing{board: r.board(addr, user, "sip:rls@ex.test"), body: resourceList(users...)}
	b.event = "presence"
	b.extra = append(b.extra, message.Header{Name: message.Require, Value: "recipient-list-subscribe"},
		message.Header{Name: "Content-Disposition", Value: "recipient-list"})
	return b
}

func (b *bringing) send() *message.Message {
	b.t.Helper()
	q := b.build()
	if b.encoding != "" {
		q.Add(message.ContentEncoding, b.encoding)
	}
	if b.body != "" {
		q.Body("application/resource-lists+xml", []byte(b.body))
	}
	m := b.Do(q)
	if m.Status == 200 && b.target == "" {
		c, _ := m.Contacts()
		b.target, b.to = c[0].URI, m.Get(message.To)
	}
	return m
}

func (b *bringing) begin() {
	b.t.Helper()
	b.wantStatus(b.send(), 200)
	b.next()
	if !b.full {
		b.t.Fatal("the first NOTIFY is not full state")
	}
}

func TestSubscribeBringsItsList(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		b := r.bringing("tcp:192.0.2.10:5060", "201", "101@ex.test", "102@also.test", "999@ex.test", "1@other.test", "x@nowhere.test")
		b.begin()
		b.want("101=Offline 102=Offline 999=terminatednoresource 1=terminatednoresource x=terminatednoresource")
		if b.names["101"] != "Friend 101@ex.test" {
			t.Errorf("names %v", b.names)
		}
		r.set("102", "Lunch")
		b.next()
		b.told(1)
		r.agent("102", func(a *presence.Agent) { a.Name = "Another" }) // the phone has a name of its own
		b.quiet(time.Second)

		b.body = "" // the list stays
		b.begin()
		b.want("101=Offline 102=Lunch 999=terminatednoresource 1=terminatednoresource x=terminatednoresource")

		b.body = resourceList("102@ex.test", "101@ex.test")
		b.begin()
		for b.quietly(time.Second) {
			b.next()
		}
		b.want("102=Lunch 101=Offline")

		r.restart()
		b.reconnect(r)
		b.version = 0
		b.begun = false
		b.begin()
		b.want("102=Lunch 101=Offline")
		b.expiry = "0"
		b.wantStatus(b.send(), 200)
		b.wantSub(b.next(), "terminated")
		r.nobodyWatched()
	})
}

// quietly reports whether a NOTIFY comes within the time; it is put back.
func (b *board) quietly(d time.Duration) bool {
	time.Sleep(d)
	return b.Pending() > 0
}

// The Request-URI of a list that is brought says nothing; the address of ours
// that a phone has in place of the domain does.
func TestWhereABroughtListIsSent(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		b := r.bringing("192.0.2.10:0", "201", "101@ex.test", "102@sip.maker.test")
		b.uri = "sip:rls@sip.maker.test"
		b.begin()
		for len(b.order) < 2 {
			b.next()
		}
		b.want("101=Offline 102=terminatednoresource")
		b = r.bringing("192.0.2.10:0", "201", "101@192.0.2.1")
		b.uri = "sip:rls@192.0.2.1"
		b.begin()
		b.want("101=Offline")
	})
}

func TestListsThatAreRefused(t *testing.T) {
	deflated := func(s string) string {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
		return b.String()
	}
	bubble(t, nil, func(t *testing.T, r *rig) {
		many := make([]string, 501)
		for i := range many {
			many[i] = fmt.Sprint(i, "@ex.test")
		}
		for name, c := range map[string]struct {
			body, encoding string
			status         int
		}{
			"no body":               {"", "", 415},
			"rubbish":               {"\x00\xff<<<", "", 400},
			"another document":      {"<dialog-info/>", "", 400},
			"DOCTYPE":               {`<!DOCTYPE a [<!ENTITY b "c">]>` + resourceList("1@ex.test"), "", 400},
			"too many":              {resourceList(many...), "", 413},
			"unknown encoding":      {resourceList("1@ex.test"), "br", 415},
			"not deflated":          {resourceList("1@ex.test"), "deflate", 400},
			"a bomb":                {deflated(strings.Repeat(" ", 64<<20)), "deflate", 413},
			"cut off":               {deflated(resourceList(many...))[:200], "deflate", 400},
			"foreign and odd parts": {resourceList("", "a b@ex.test", "101@ex.test"), "", 200},
		} {
			b := r.bringing("tcp:192.0.2.10:0", "201")
			b.body, b.encoding = c.body, c.encoding
			if m := b.send(); m.Status != c.status {
				t.Errorf("%s: %d, want %d", name, m.Status, c.status)
			}
			b.Close()
		}
	})
}

func TestDeflatedLists(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		var z, raw bytes.Buffer
		zw := zlib.NewWriter(&z)
		zw.Write([]byte(resourceList("101@ex.test")))
		zw.Close()
		fw, _ := flate.NewWriter(&raw, 9)
		fw.Write([]byte(resourceList("101@ex.test")))
		fw.Close()
		for _, body := range []string{z.String(), raw.String()} {
			b := r.bringing("192.0.2.10:0", "201")
			b.body, b.encoding = body, "deflate"
			b.begin()
			b.want("101=Offline")
		}
	})
}

func TestListsOfOneDeviceAreBounded(t *testing.T) {
	bubble(t, func(o *Options) { o.ListsPerWatcher = 2 }, func(t *testing.T, r *rig) {
		var all []*bringing
		for range 2 {
			b := r.bringing("192.0.2.10:0", "201", "101@ex.test")
			b.begin()
			all = append(all, b)
		}
		b := r.bringing("192.0.2.10:0", "201", "101@ex.test")
		b.wantStatus(b.send(), 403)
		r.bringing("192.0.2.11:0", "102", "101@ex.test").begin()
		all[0].expiry = "0"
		all[0].wantStatus(all[0].send(), 200)
		all[0].next()
		b = r.bringing("192.0.2.10:0", "201", "101@ex.test")
		b.begin()
	})
}

// One family of softphones takes no other form of a list's NOTIFY.
func TestFormOfLinphone(t *testing.T) {
	tweak := func(o *Options) { o.Phones = quirks.Table{{Match: "Linphone", Quirks: quirks.LinphoneList}} }
	bubble(t, tweak, func(t *testing.T, r *rig) {
		b := r.bringing("192.0.2.10:5060", "201", "101@ex.test")
		b.extra = append(b.extra, message.Header{Name: message.UserAgent, Value: "Linphone-Desktop/5.1.65 (host) LinphoneSDK"})
		b.begin()
		form := func(m *message.Message) {
			t.Helper()
			ct, raw := m.Get(message.ContentType), string(m.Raw)
			if m.Get(message.Event) != "Presence" || strings.Contains(ct, `boundary="`) || strings.Contains(ct, "<") || strings.Contains(raw, "Content-ID: <") || !strings.Contains(raw, "\r\nContent-Id: ") {
				t.Errorf("the NOTIFY has not its form:\n%s", raw)
			}
		}
		if b.version != 0 {
			t.Errorf("first version %d", b.version)
		}
		r.set("101", "Lunch")
		form(b.next())
		r.restart()
		b.begun = false
		form(b.next())
		b.want("101=Lunch")
		b.begin() // Event: presence in the SUBSCRIBE still means the same dialog
	})
}

func TestMembersWhomTheWatcherMayNotWatch(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102", "201")
		rule := func(whom string, then presence.WatchVerdict) {
			r.policy(func(p *presence.Policy) { p.Watch = []presence.WatchRule{{Who: "agent:201", Whom: whom, Then: then}} })
		}
		rule("agent:101", presence.WatchDeny)
		b := r.board("tcp:192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		b.want("101=terminatedrejected 102=Offline 201=Offline")
		r.set("101", "secret")
		b.quiet(time.Second)
		rule("agent:102", presence.WatchConfirm)
		for b.shows["102"] != "pending" {
			b.next()
		}
		b.want("101=secret 102=pending 201=Offline")
		r.set("102", "secret too")
		b.quiet(2 * time.Second)
		r.decide("102", "201", true)
		b.next()
		b.told(1)
		b.want("101=secret 102=secret too 201=Offline")
		r.decide("102", "201", false)
		b.next()
		b.want("101=secret 102=terminatedrejected 201=Offline")
		r.restart()
		b.reconnect(r)
		b.begun = false
		b.wantStatus(b.subscribe(), 200)
		b.next()
		b.want("101=secret 102=terminatedrejected 201=Offline")
		rule("addresses", presence.WatchDeny) // a list is no address
		b.next()
		b.want("101=secret 102=secret too 201=Offline")
	})
}

// reconnect is a phone that opened another connection after a restart.
func (b *board) reconnect(r *rig) {
	r.t.Helper()
	old := *b.phone
	again := r.board("tcp:192.0.2.10:0", old.user, old.uri).phone
	again.target, again.to, again.from, again.callID, again.seq = old.target, old.to, old.from, old.callID, old.seq
	again.event, again.expiry, again.extra = old.event, old.expiry, old.extra
	*b.phone = *again
}
