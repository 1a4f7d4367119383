//go:build testbench

package phones

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

const (
	domain  = "demo.lamplight.test"
	watched = "1001"
	entity  = "sip:" + watched + "@" + domain
)

// set is one phone of a model, and what its lamp shows.
type set struct {
	Model
	phone *phone.Phone
	watch *phone.Watch

	mu    sync.Mutex
	board board    // of a list; guarded by mu
	lamp  Lamp     // guarded by mu
	wrong []string // guarded by mu
}

func (s *set) notified(raw []byte) {
	head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	typ := between(head, "\r\nContent-Type: ", "\r\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	if body == "" { // the last word of a subscription may have none
		return
	}
	if s.Type != "" && typ != s.Type {
		s.wrong = append(s.wrong, fmt.Sprintf("Content-Type %q, the phone takes %q", typ, s.Type))
		return
	}
	var l Lamp
	var err error
	if s.List {
		if event := between(head, "\r\nEvent: ", "\r\n"); s.board.bare && event != "Presence" {
			s.wrong = append(s.wrong, fmt.Sprintf("Event %q: the phone knows Presence with a capital letter", event))
		}
		err = s.board.take(typ, []byte(body))
		l = s.board.lamps[entity]
	} else {
		l, err = s.Read([]byte(body), entity)
	}
	if err != nil {
		s.wrong = append(s.wrong, fmt.Sprintf("%v in\n%s", err, body))
		return
	}
	s.lamp = l
}

func between(s, from, to string) string {
	_, rest, _ := strings.Cut(s, from)
	v, _, _ := strings.Cut(rest+to, to)
	return v
}

// story is a server, a phone of each model, the watched agent's own phone and
// the PBX that carries the agent's calls.
type story struct {
	*lab.Server
	t    *testing.T
	sets []*set
	own  *phone.Phone
	pbx  *pbx
}

func begin(t *testing.T) *story {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// Here a registered phone is enough to be online, and Yealinks show Do Not
	// Disturb as a lit lamp.
	text := strings.NewReplacer("    grace: 5s\n", "    grace: 5s\n    online_by: any_device\n", "busy_lamp: []", `busy_lamp: ["Yealink"]`).Replace(lab.Ports(string(b)))
	s := &story{Server: lab.Start(t, lab.Options{Config: text}), t: t}
	s.own = &phone.Phone{Line: s.line("127.0.0.2", false), User: watched, Number: watched, Domain: domain, Password: "demo-" + watched}
	s.pbx = &pbx{phone: &phone.Phone{Line: s.line("127.0.0.1", false), Domain: domain, Anonymous: true}}
	for i, m := range Models() {
		number, user := fmt.Sprint(1002+i%11), fmt.Sprint(1002+i%11)
		if i >= 11 {
			user += "-soft"
		}
		line := s.line(fmt.Sprintf("127.0.0.%d", 10+i), m.TCP)
		one := &set{Model: m, phone: &phone.Phone{Line: line, User: user, Number: number, Domain: domain, Password: "demo-" + number,
			Headers: "User-Agent: " + m.UserAgent + "\r\n"}}
		one.watch = &phone.Watch{Phone: one.phone, Target: watched, Event: m.Event, Headers: m.Subscribe, Body: m.Body, OnMessage: one.notified}
		if m.List {
			one.watch.Target = "team-sales"
			one.board = board{read: m.Read, bare: m.Body != ""}
		}
		s.sets = append(s.sets, one)
	}
	return s
}

func (s *story) line(local string, tcp bool) *phone.Line {
	s.t.Helper()
	open := phone.UDP
	if tcp {
		open = phone.TCP
	}
	l, err := open(local, s.SIP)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(l.Close)
	return l
}

// ok fails the test on anything but a 200.
func ok(t *testing.T, what string, res phone.Response, err error) phone.Response {
	t.Helper()
	if err != nil || res.Status != 200 {
		t.Fatalf("%s: %v\n%s", what, err, res.Raw)
	}
	return res
}

func (s *set) contact() string {
	return s.Contact(s.phone.Contact(0), "urn:uuid:00000000-0000-1000-8000-0000000"+s.phone.Number+"0")
}

// plugIn registers and subscribes as the model does.
func (s *story) plugIn(m *set) {
	s.t.Helper()
	headers := m.phone.Headers
	m.phone.Headers += m.Register + fmt.Sprintf("Expires: %d\r\n", m.Registration)
	res, err := m.phone.Register(m.contact())
	m.phone.Headers = headers
	ok(s.t, m.Name+" registers", res, err)
	m.watch.Contact = m.contact()
	s.refresh(m)
}

func (s *story) refresh(m *set) {
	s.t.Helper()
	before := m.watch.State().Notifies
	res, err := m.watch.Subscribe(m.Subscription)
	ok(s.t, m.Name+" subscribes", res, err)
	lab.Eventually(s.t, 5*time.Second, func() error {
		if m.watch.State().Notifies == before {
			return fmt.Errorf("%s is not told the state", m.Name)
		}
		return nil
	})
}

// shows waits until every lamp is as it should be: key is the state of a lamp
// key, buddy that of a buddy.
func (s *story) shows(what, key, buddy string, more func(*set, Lamp) string) {
	s.t.Helper()
	for _, m := range s.sets {
		want := key
		if m.Event == "presence" {
			want = buddy
		}
		if m.Lit && key == "idle" && buddy == "busy" {
			want = "talking"
		}
		lab.Eventually(s.t, 3*time.Second, func() error {
			m.mu.Lock()
			defer m.mu.Unlock()
			if len(m.wrong) > 0 {
				s.t.Fatalf("%s: %s got what it cannot read: %s", what, m.Name, m.wrong[0])
			}
			if m.lamp.State != want {
				return fmt.Errorf("%s: %s shows %+v, want %q", what, m.Name, m.lamp, want)
			}
			if more != nil && m.Event == "dialog" {
				if no := more(m, m.lamp); no != "" {
					return fmt.Errorf("%s: %s shows %+v: %s", what, m.Name, m.lamp, no)
				}
			}
			return nil
		})
	}
}

// pbx publishes the calls of the watched agent.
type pbx struct {
	phone   *phone.Phone
	etag    string
	version int
	n       int
}

type call struct{ id, direction, state, remote, name string }

func (p *pbx) publish(t *testing.T, expires int, c call) phone.Response {
	t.Helper()
	rendering := ""
	if c.state == "held" {
		c.state, rendering = "confirmed", `<local><identity>`+entity+`</identity><target uri="`+entity+`"><param pname="+sip.rendering" pval="no"/></target></local>`
	}
	doc := fmt.Sprintf(`<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="%s">`+
		`<dialog id="%s" call-id="%s@pbx" local-tag="lt-%s" remote-tag="rt-%s" direction="%s"><state>%s</state>%s<remote><identity display="%s">%s</identity><target uri="%s"/></remote></dialog></dialog-info>`,
		p.version, entity, c.id, c.id, c.id, c.id, c.direction, c.state, rendering, c.name, c.remote, c.remote)
	p.version++
	res, err := p.phone.Do("PUBLISH", entity, func() string {
		p.n++
		s := fmt.Sprintf("From: <%s>;tag=p%d\r\nTo: <%s>\r\nCall-ID: story-%d@pbx\r\nCSeq: 1 PUBLISH\r\nEvent: dialog\r\nExpires: %d\r\nContent-Type: application/dialog-info+xml\r\n", entity, p.n, entity, p.n, expires)
		if p.etag != "" {
			s += "SIP-If-Match: " + p.etag + "\r\n"
		}
		return s
	}, doc)
	ok(t, "PUBLISH", res, err)
	p.etag = res.Get("SIP-ETag")
	return res
}

func (s *story) status(status string) {
	s.t.Helper()
	if code := s.API("PUT", "/agents/"+watched+"/status", map[string]string{"status": status, "reason": "story"}, nil); code != 200 {
		s.t.Fatalf("status %s: HTTP %d", status, code)
	}
}

// The day of an agent as the phones of many makers see it.
func TestEveryPhoneShowsTheTruthThroughAWholeDay(t *testing.T) {
	s := begin(t)
	for _, m := range s.sets {
		s.plugIn(m)
	}
	s.shows("nobody is there", "idle", "offline", nil)

	res, err := s.own.Register("<" + s.own.Contact(0) + ">;expires=3600")
	ok(t, "REGISTER", res, err)
	s.shows("the agent came", "idle", "available", nil)

	c := call{id: "c1", direction: "recipient", state: "early", remote: "sip:900@pstn.test", name: "Bob & Söhne"}
	xmlName := strings.Replace(c.name, "&", "&amp;", 1)
	c.name = xmlName
	s.pbx.publish(t, 3600, c)
	withCaller := func(m *set, l Lamp) string {
		if l.Caller != c.remote || l.CallerName != "Bob & Söhne" {
			return "the caller is not named"
		}
		if m.Picks {
			if l.Pickup == nil || *l.Pickup != (Pickup{URI: c.remote, CallID: c.id + "@pbx", ToTag: "rt-" + c.id, FromTag: "lt-" + c.id}) {
				return fmt.Sprintf("nothing to pick the call up by: %+v", l.Pickup)
			}
		}
		return ""
	}
	s.shows("it rings", "ringing", "available", withCaller)
	c.state = "confirmed"
	s.pbx.publish(t, 3600, c)
	s.shows("the agent talks", "talking", "on-the-phone", withCaller)
	c.state = "held"
	s.pbx.publish(t, 3600, c)
	s.shows("the call is held", "held", "on-the-phone", withCaller)
	c.state = "confirmed"
	s.pbx.publish(t, 3600, c)
	s.shows("it is taken up again", "talking", "on-the-phone", nil)
	c.state = "terminated"
	s.pbx.publish(t, 3600, c)
	s.shows("it ended", "idle", "available", nil)

	c = call{id: "c2", direction: "initiator", state: "trying", remote: "sip:901@pstn.test"}
	s.pbx.publish(t, 3600, c)
	s.shows("the agent dials", "calling", "on-the-phone", nil)
	c.state = "terminated"
	s.pbx.publish(t, 3600, c)
	s.shows("nobody answered", "idle", "available", nil)

	s.status("do_not_disturb")
	s.shows("Do Not Disturb", "idle", "busy", nil)
	s.status("available")
	s.shows("available again", "idle", "available", nil)

	// The PBX starts anew in the middle of a call: it forgot its entity tags, and
	// tells of the call in a publication of its own.
	c = call{id: "c3", direction: "recipient", state: "confirmed", remote: "sip:902@pstn.test"}
	s.pbx.publish(t, 3600, c)
	s.shows("a call", "talking", "on-the-phone", nil)
	s.pbx.etag, s.pbx.version = "", 0
	s.pbx.publish(t, 3600, c)
	s.shows("the PBX started anew", "talking", "on-the-phone", nil)
	c.state = "terminated"
	s.pbx.publish(t, 3600, c)
	s.shows("the call ended", "idle", "available", nil)

	s.crash()

	res, err = s.own.Register("<" + s.own.Contact(0) + ">;expires=0")
	ok(t, "unregister", res, err)
	s.shows("the agent's phone went", "idle", "offline", nil)
	for _, m := range s.sets {
		s.refresh(m)
	}
	s.shows("all have refreshed", "idle", "offline", nil)
	for _, m := range s.sets {
		res, err := m.watch.Subscribe(0)
		ok(t, m.Name+" unsubscribes", res, err)
		lab.Eventually(t, 3*time.Second, func() error {
			if sub := m.watch.State().Sub; !strings.HasPrefix(sub, "terminated") {
				return fmt.Errorf("%s: %q", m.Name, sub)
			}
			return nil
		})
		if wrong := m.watch.Wrong(); len(wrong) > 0 {
			t.Errorf("%s: %s", m.Name, strings.Join(wrong, "; "))
		}
	}
}

// crash kills the server while the agent's phone rings. Phones over UDP do
// nothing and are told; those over TCP connect again and refresh, as they do
// when a connection ends.
func (s *story) crash() {
	s.t.Helper()
	c := call{id: "c4", direction: "recipient", state: "early", remote: "sip:903@pstn.test"}
	s.pbx.publish(s.t, 3600, c)
	s.shows("it rings", "ringing", "available", nil)
	s.Kill()
	down := time.Now()
	s.Run()
	for _, m := range s.sets {
		if m.TCP {
			if err := m.phone.Line.Reconnect(); err != nil {
				s.t.Fatal(err)
			}
			m.watch.Contact = m.contact()
			s.refresh(m)
		}
		lab.Eventually(s.t, 10*time.Second, func() error {
			if m.watch.State().At.Before(down) {
				return fmt.Errorf("%s was told nothing after the restart", m.Name)
			}
			return nil
		})
	}
	s.shows("the server was killed", "ringing", "available", nil)
	c.state = "confirmed"
	s.pbx.publish(s.t, 3600, c) // with the tag of before
	s.shows("the call is answered", "talking", "on-the-phone", nil)
	c.state = "terminated"
	s.pbx.publish(s.t, 3600, c)
	s.shows("the call ended", "idle", "available", nil)
}
