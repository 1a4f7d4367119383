package notifier

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"lamplight/presence"
	"lamplight/presence/lists"
	"lamplight/sip/events/multipart"
	"lamplight/sip/events/rlmi"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// board is a phone with a list key: it keeps the list's state by the letter of
// RFC 4662 §5 and complains of whatever such a phone would not take.
type board struct {
	*phone
	version uint32
	begun   bool
	full    bool              // the last NOTIFY
	changed int               // resources in it
	shows   map[string]string // state of each resource by user part
	order   []string
	names   map[string]string
	largest int // NOTIFY in bytes
	count   int
}

type rlmiDoc struct {
	XMLName   xml.Name `xml:"urn:ietf:params:xml:ns:rlmi list"`
	URI       string   `xml:"uri,attr"`
	Version   uint32   `xml:"version,attr"`
	Full      bool     `xml:"fullState,attr"`
	Resources []struct {
		URI      string `xml:"uri,attr"`
		Name     string `xml:"name"`
		Instance struct {
			State  string `xml:"state,attr"`
			Reason string `xml:"reason,attr"`
			CID    string `xml:"cid,attr"`
		} `xml:"instance"`
	} `xml:"resource"`
}

// board makes one; an address that begins with tcp: has a stream.
func (r *rig) board(addr, user, uri string) *board {
	r.t.Helper()
	b := &board{shows: map[string]string{}, names: map[string]string{}}
	if addr, is := strings.CutPrefix(addr, "tcp:"); is {
		b.phone = newPhone(r.t, siptest.NewStreamPeer(r.t, r.net, addr, server), user, uri)
	} else {
		b.phone = r.phone(addr, user, uri)
	}
	b.extra = []message.Header{{Name: message.Supported, Value: "eventlist"},
		{Name: message.Accept, Value: "application/lamp, application/mood, application/rlmi+xml, multipart/related"}}
	return b
}

// begin subscribes and takes the first NOTIFY.
func (b *board) begin() {
	b.t.Helper()
	ok := b.subscribe()
	b.wantStatus(ok, 200)
	if got := ok.Get(message.Require); got != "eventlist" {
		b.t.Fatalf("Require %q in the 200", got)
	}
	b.next()
	if !b.full {
		b.t.Fatal("the first NOTIFY is not full state")
	}
}

// next waits for a NOTIFY, answers it and takes it in.
func (b *board) next() *message.Message {
	b.t.Helper()
	m := b.notified(200)
	b.take(m)
	return m
}

func (b *board) take(m *message.Message) {
	b.t.Helper()
	parts, err := multipart.Parse(m.Get(message.ContentType), m.Body)
	if err != nil || len(parts) == 0 || parts[0].Type != rlmi.ContentType {
		b.t.Fatalf("%v in\n%s", err, m.Raw)
	}
	if got := m.Get(message.Require); got != "eventlist" {
		b.t.Errorf("Require %q", got)
	}
	if start := `start="<` + parts[0].ID + `>"`; !strings.Contains(m.Get(message.ContentType), start) && !strings.Contains(m.Get(message.ContentType), `start="`+parts[0].ID) {
		b.t.Errorf("Content-Type %q does not name the root %q", m.Get(message.ContentType), parts[0].ID)
	}
	var d rlmiDoc
	if err := xml.Unmarshal(parts[0].Body, &d); err != nil {
		b.t.Fatalf("%v in\n%s", err, parts[0].Body)
	}
	if d.URI != b.uri {
		b.t.Errorf("the list is %q, want %q", d.URI, b.uri)
	}
	if b.begun && d.Version != b.version+1 {
		b.t.Errorf("version %d after %d", d.Version, b.version)
	}
	b.begun, b.version, b.full, b.changed = true, d.Version, d.Full, len(d.Resources)
	b.largest, b.count = max(b.largest, len(m.Raw)), b.count+1
	if d.Full {
		clear(b.shows)
		b.order = nil
	}
	bodies := map[string]string{}
	for _, p := range parts[1:] {
		bodies[p.ID] = string(p.Body)
	}
	for _, r := range d.Resources {
		u, err := message.ParseURI(r.URI)
		if err != nil {
			b.t.Errorf("resource %q: %v", r.URI, err)
		}
		state := r.Instance.State + r.Instance.Reason
		if r.Instance.State == "active" {
			doc, ok := bodies[r.Instance.CID]
			if !ok {
				b.t.Errorf("no part %q", r.Instance.CID)
			}
			delete(bodies, r.Instance.CID)
			_, state, _ = strings.Cut(doc, "state=")
			if mood, is := strings.CutPrefix(doc, "mood="); is {
				state = mood
			}
		}
		if _, was := b.shows[u.User]; !was {
			b.order = append(b.order, u.User)
		}
		b.shows[u.User], b.names[u.User] = state, r.Name
	}
	if len(bodies) > 0 {
		b.t.Errorf("parts that no resource names: %v", bodies)
	}
}

// want compares what is shown, "101=Offline 102=ringing", in the list's order.
func (b *board) want(state string) {
	b.t.Helper()
	var got []string
	for _, u := range b.order {
		got = append(got, u+"="+b.shows[u])
	}
	if s := strings.Join(got, " "); s != state {
		b.t.Fatalf("the board shows %q, want %q", s, state)
	}
}

// told wants the last NOTIFY to be partial with so many resources.
func (b *board) told(resources int) {
	b.t.Helper()
	if b.full || b.changed != resources {
		b.t.Fatalf("full %v with %d resources, want partial with %d", b.full, b.changed, resources)
	}
}

// team puts agents in a team.
func (r *rig) team(name string, numbers ...string) {
	r.t.Helper()
	for _, n := range numbers {
		r.agent(n, func(a *presence.Agent) { a.Teams = append(slices.Clone(a.Teams), name) })
	}
}

func (r *rig) leave(number string) {
	r.t.Helper()
	r.agent(number, func(a *presence.Agent) { a.Teams = nil })
}

func (r *rig) list(owner, name string, members ...string) {
	r.t.Helper()
	if _, err := r.lists.Put(context.Background(), "test", lists.List{Domain: r.domain(), Owner: r.agents[owner], Name: name, Members: members}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) domain() presence.DomainID {
	d, _ := r.dir.DomainByName("ex.test")
	return d.ID
}

func resourceList(users ...string) string {
	var s strings.Builder
	for _, u := range users {
		fmt.Fprintf(&s, `<entry uri="sip:%s"><display-name>Friend %s</display-name></entry>`, u, u)
	}
	return `<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>` + s.String() + `</list></resource-lists>`
}
