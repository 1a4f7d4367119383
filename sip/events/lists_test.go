package events

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events/multipart"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// ethernet is what a packet can carry without being cut up. A NOTIFY of several
// members has 1300 bytes at most; one member alone may have more.
const ethernet = 1472

// listKey is a phone with a list key, in the style of one maker.
type listKey struct {
	*lamp
	headers  []message.Header
	body     string
	full     bool
	parts    map[string]string // document of each member in the last NOTIFY, by user part
	whole    map[string]string // of all NOTIFYs
	contents string
}

// team puts agents in a team.
func (r *rig) team(name string, numbers ...string) {
	r.t.Helper()
	for _, number := range numbers {
		a, _ := r.dir.Agent(r.ids[number])
		next := *a
		next.Teams = append(slices.Clone(next.Teams), name)
		synctest.Wait() // the roster looks at the directory too: only then may the store take its time
		if err := r.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{next}}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (l *listKey) subscribe(expires int) *message.Message {
	l.t.Helper()
	m := l.DoAuth(l.user, "secret", func() *message.Builder {
		l.seq++
		uri := l.uri
		if l.target != "" {
			uri = l.target
		}
		b := message.NewRequest("SUBSCRIBE", uri).Add(message.MaxForwards, "70").Add(message.From, l.from).Add(message.To, l.to).
			Add(message.CallID, l.callID).Add(message.CSeq, fmt.Sprint(l.seq, " SUBSCRIBE")).Add(message.Contact, "<"+l.Contact(l.user)+">").
			Add(message.Event, l.event).Add(message.Expires, fmt.Sprint(expires))
		for _, h := range l.headers {
			b.Add(h.Name, h.Value)
		}
		if l.body != "" {
			b.Body("application/resource-lists+xml", []byte(l.body))
		}
		return b
	})
	if m.Status == 200 && l.target == "" {
		c, _ := m.Contacts()
		l.target, l.to = c[0].URI, m.Get(message.To)
	}
	return m
}

// next takes in a NOTIFY as a phone does.
func (l *listKey) next() *message.Message {
	l.t.Helper()
	m := l.Expect(siptest.Method("NOTIFY"))
	l.Respond(m, 200)
	parts, err := multipart.Parse(m.Get(message.ContentType), m.Body)
	if err != nil {
		l.t.Fatalf("%v:\n%s", err, m.Raw)
	}
	var d struct {
		Full      bool `xml:"fullState,attr"`
		Resources []struct {
			URI      string `xml:"uri,attr"`
			Instance struct {
				CID string `xml:"cid,attr"`
			} `xml:"instance"`
		} `xml:"resource"`
	}
	if err := xml.Unmarshal(parts[0].Body, &d); err != nil {
		l.t.Fatal(err)
	}
	l.full, l.parts, l.contents = d.Full, map[string]string{}, string(m.Raw)
	if l.full {
		l.whole = map[string]string{}
	}
	for _, r := range d.Resources {
		u, _ := message.ParseURI(r.URI)
		for _, p := range parts[1:] {
			if p.ID == r.Instance.CID {
				l.parts[u.User], l.whole[u.User] = string(p.Body), string(p.Body)
			}
		}
	}
	return m
}

// until takes NOTIFYs until a member's document has the text.
func (l *listKey) until(user, text string) {
	l.t.Helper()
	for range 20 {
		if strings.Contains(l.whole[user], text) {
			return
		}
		l.next()
	}
	l.t.Fatalf("%s is told as %s", user, l.whole[user])
}

func headers(lines ...string) (out []message.Header) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		out = append(out, message.Header{Name: message.Name(name), Value: value})
	}
	return out
}

func deflated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// A list key of each maker is pointed at a team, and one softphone brings its
// list: all lamps light and go out.
func TestListKeysOfPhones(t *testing.T) {
	entries := `<?xml version="1.0" encoding="UTF-8"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>` +
		`<entry uri="sip:101@ex.test"/><entry uri="sip:102@ex.test"/></list></resource-lists>`
	for maker, c := range map[string]struct {
		uri, event string
		headers    []message.Header
		body       string
		linphone   bool
	}{
		"Yealink": {uri: "sip:team-sales@ex.test", event: "dialog", headers: headers("User-Agent: Yealink SIP-T46S 66.85.0.5",
			"Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related", "Supported: eventlist")},
		"Yealink without the option": {uri: "sip:team-sales@ex.test", event: "dialog", headers: headers("User-Agent: Yealink SIP-T23G 44.80.0.60",
			"Accept: multipart/related, application/rlmi+xml, application/dialog-info+xml")},
		"Poly": {uri: "sip:sales@ex.test", event: "dialog", headers: headers("User-Agent: PolycomVVX-VVX_411-UA/5.9.5.0614",
			"Accept: application/dialog-info+xml", "Accept: application/rlmi+xml", "Accept: multipart/related", "Supported: eventlist")},
		"Poly's buddies": {uri: "sip:team-sales@ex.test", event: "presence", headers: headers("User-Agent: PolycomVVX-VVX_411-UA/5.9.5.0614",
			"Accept: application/pidf+xml, application/rlmi+xml, multipart/related", "Supported: eventlist")},
		"Grandstream": {uri: "sip:team-sales@ex.test", event: "dialog", headers: headers("User-Agent: Grandstream GXP2170 1.0.11.16",
			"Accept: multipart/related,application/rlmi+xml,application/dialog-info+xml", "Supported: path, eventlist, replaces")},
		"Snom": {uri: "sip:team-sales@ex.test;user=phone", event: "dialog", headers: headers("User-Agent: snomD785/10.1.101.11",
			"Accept: application/dialog-info+xml,application/rlmi+xml,multipart/related", "Supported: eventlist")},
		"Cisco": {uri: "sip:team-sales@ex.test", event: "dialog", headers: headers("User-Agent: Cisco-CP-8851-3PCC/11.3.1",
			"Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related", "Supported: replaces, eventlist")},
		"Linphone": {uri: "sip:rls@sip.maker.test", event: "presence", linphone: true, body: deflated(entries), headers: headers(
			"User-Agent: Linphone-Desktop/5.1.65 (host) Debian LinphoneSDK/5.3", "Supported: eventlist", "Require: recipient-list-subscribe",
			"Accept: multipart/related", "Accept: application/pidf+xml", "Accept: application/rlmi+xml",
			"Content-Disposition: recipient-list", "Content-Encoding: deflate", "Accept-Encoding: deflate")},
	} {
		t.Run(maker, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.team("sales", "101", "102")
				l := &listKey{lamp: r.lamp("192.0.2.10:5060", "201", c.uri), headers: c.headers, body: c.body}
				l.t, l.event = t, c.event
				ok := l.subscribe(3600)
				if ok.Status != 200 || ok.Get(message.Require) != "eventlist" {
					t.Fatalf("SUBSCRIBE answered:\n%s", ok.Raw)
				}
				idle, lit := "<state>terminated</state>", "<state>confirmed</state>"
				if c.event == "presence" {
					idle, lit = "<basic>closed</basic>", "<rpid:on-the-phone/>"
				}
				l.next()
				if !l.full {
					t.Fatal("the first NOTIFY is not full state")
				}
				l.until("101", idle)
				l.until("102", idle)
				p := r.pbx(pbxA, "sip:102@ex.test")
				p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
				l.until("102", lit)
				if l.full || len(l.parts) != 1 {
					t.Errorf("full %v with %d members, for one change", l.full, len(l.parts))
				}
				if len(l.contents) > ethernet {
					t.Errorf("a NOTIFY of %d bytes:\n%s", len(l.contents), l.contents)
				}
				if is := strings.Contains(l.contents, "\r\nEvent: Presence\r\n"); is != c.linphone {
					t.Errorf("its form:\n%s", l.contents)
				}
				p.want(200, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
				l.until("102", idle)
				if m := l.subscribe(0); m.Status != 200 {
					t.Errorf("the end was answered %d", m.Status)
				}
				if m := l.next(); !strings.HasPrefix(m.Get(message.SubscriptionState), "terminated") {
					t.Errorf("after the end: %q", m.Get(message.SubscriptionState))
				}
				l.dark(time.Minute)
			})
		})
	}
}

// A member in several calls over UDP: what is told of one member has a bound.
func TestListOfBusyMembersFitsPackets(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		p := r.pbx(pbxA, "sip:101@ex.test")
		var calls []string
		for i := range 6 {
			calls = append(calls, dialog(fmt.Sprint("d", i), fmt.Sprint("a-long-call-id-of-a-carrier-", i, "@media.pbx.example.com"), "recipient", "confirmed"))
		}
		p.want(200, p.info(0, calls...))
		l := &listKey{lamp: r.lamp("192.0.2.10:5060", "201", "sip:team-sales@ex.test"), headers: headers("Supported: eventlist")}
		if m := l.subscribe(3600); m.Status != 200 {
			t.Fatal(m.Status)
		}
		for range 2 {
			if m := l.next(); len(m.Raw) > ethernet {
				t.Errorf("a NOTIFY of %d bytes:\n%s", len(m.Raw), m.Raw)
			}
		}
	})
}

// Elsewhere a list's first NOTIFY is not full state, or the list's server dies of
// what it is asked.
func TestFirstNotifyOfAListIsFullWhateverHappensMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		l := &listKey{lamp: r.lamp("192.0.2.10:5060", "201", "sip:team-sales@ex.test"), headers: headers("Supported: eventlist")}
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		one := p.Send(p.request(p.info(1, dialog("d1", "c1", "recipient", "confirmed")))) // at the same time
		if m := l.subscribe(3600); m.Status != 200 {
			t.Fatal(m.Status)
		}
		r.team("sales", "201")
		p.Expect(func(m *message.Message) bool { via, _ := m.TopVia(); return via.Branch == one })
		if l.next(); !l.full {
			t.Error("the first NOTIFY is not full state")
		}
		l.until("101", "confirmed")
		l.until("102", "terminated")
		l.until("201", "terminated")
		l.dark(time.Minute)
	})
}

func TestRubbishToAListLeavesItAlone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.team("sales", "101")
		l := &listKey{lamp: r.lamp("192.0.2.10:5060", "201", "sip:team-sales@ex.test"), headers: headers("Supported: eventlist")}
		if m := l.subscribe(3600); m.Status != 200 {
			t.Fatal(m.Status)
		}
		l.next()
		for _, body := range []string{"<", "<resource-lists>", strings.Repeat("<a>", 10000), "\x00\xff"} {
			l.body = body // of a list that is kept here it is nobody's business
			if m := l.subscribe(3600); m.Status != 200 {
				t.Errorf("%.10q: %d", body, m.Status)
			}
			if l.next(); !l.full || len(l.whole) != 1 {
				t.Errorf("%.10q: full %v with %d members", body, l.full, len(l.whole))
			}
		}
		other := &listKey{lamp: r.lamp("192.0.2.11:5060", "201", "sip:rls@ex.test"), headers: headers("Require: recipient-list-subscribe")}
		for _, body := range []string{"<", "<resource-lists>", strings.Repeat("<a>", 10000), "\x00\xff"} {
			other.body = body
			if m := other.subscribe(3600); m.Status != 400 && m.Status != 413 {
				t.Errorf("%.10q: %d", body, m.Status)
			}
		}
	})
}

// Who watches by a list is seen by the agent like anybody else, and let in or
// refused like anybody else.
func TestAgentSeesWhoWatchesByAList(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		synctest.Wait()
		r.policy(func(p *presence.Policy) {
			p.Watch = []presence.WatchRule{{Who: "agent:201", Whom: "agent:101", Then: presence.WatchConfirm}}
		})
		own := r.watch("192.0.2.10:5060", "101", "presence.winfo", "sip:101@ex.test")
		own.shows("!<watcher ")
		l := &listKey{lamp: r.lamp("192.0.2.11:5060", "201", "sip:team-sales@ex.test"), headers: headers("Supported: eventlist")}
		l.event = "presence"
		if m := l.subscribe(600); m.Status != 200 {
			t.Fatal(m.Status)
		}
		l.next()
		if !strings.Contains(l.contents, `state="pending"`) {
			t.Errorf("who has not decided:\n%s", l.contents)
		}
		l.until("102", "<basic>closed</basic>")
		own.shows(`status="pending"`, ">sip:201@ex.test</watcher>")
		if all := r.events.ListWatchers(r.ids["101"]); len(all) != 1 || !all[0].Pending || all[0].Entity != "sip:team-sales@ex.test" {
			t.Errorf("by lists: %+v", all)
		}
		r.decide("101", "201", true)
		l.until("101", "<basic>closed</basic>")
		own.shows(`status="active" event="approved"`, ">sip:201@ex.test</watcher>")
		l.subscribe(0)
		l.next()
		own.shows("!<watcher ")
		if all := r.events.ListWatchers(r.ids["101"]); len(all) != 0 {
			t.Errorf("by lists: %+v", all)
		}
	})
}

// Whose lamps do not say who calls, do not in lists.
func TestListHidesCallersAsLampsDo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.team("sales", "101")
		identity := func(to presence.LampIdentity) {
			synctest.Wait()
			r.policy(func(p *presence.Policy) { p.LampIdentity = to })
		}
		identity(presence.LampIdentityNone)
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		l := &listKey{lamp: r.lamp("192.0.2.10:5060", "201", "sip:team-sales@ex.test"), headers: headers("Supported: eventlist")}
		if m := l.subscribe(600); m.Status != 200 {
			t.Fatal(m.Status)
		}
		l.until("101", "confirmed")
		if doc := l.whole["101"]; strings.Contains(doc, "Bob") || strings.Contains(doc, "c1") {
			t.Errorf("it says who calls:\n%s", doc)
		}
		identity(presence.LampIdentityAll)
		l.until("101", "Bob")
		identity(presence.LampIdentityNone)
		l.next()
		if doc := l.whole["101"]; strings.Contains(doc, "Bob") {
			t.Errorf("it still says who calls:\n%s", doc)
		}
	})
}
