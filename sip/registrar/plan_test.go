package registrar

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
)

// step is one REGISTER and what is bound afterwards.
type step struct {
	after  time.Duration // since the step before
	device int
	kind   presence.DeviceKind
	from   string // source; default 192.0.2.1:5060
	callID string // default "c<device>"
	cseq   int    // default: one more
	header string // Contact and other headers, one a line
	status int    // default 200
	want   string // contacts of all devices: "device:uri=left", sorted; "-": none
	writes int    // rows written or deleted; -1: do not look
}

// bench is an agent's bindings without anything around them.
type bench struct {
	t       *testing.T
	l       Limits
	now     time.Time
	have    []*Binding
	domain  *presence.Domain
	agent   presence.AgentID
	devices [4]presence.DeviceID
	cseq    int
}

func newBench(t *testing.T, l Limits) *bench {
	b := &bench{t: t, l: l.withDefaults(), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), domain: &presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"demo.test"}}}
	b.agent = presence.AgentID{ID: presence.NewID()}
	for i := range b.devices {
		b.devices[i] = presence.DeviceID{ID: presence.NewID()}
	}
	return b
}

func (b *bench) register(s step) (status, writes int, no *refusal) {
	b.t.Helper()
	b.now = b.now.Add(s.after)
	if s.cseq == 0 {
		b.cseq++
		s.cseq = b.cseq
	}
	if s.callID == "" {
		s.callID = fmt.Sprint("c", s.device)
	}
	if s.from == "" {
		s.from = "192.0.2.1:5060"
	}
	raw := fmt.Sprintf("REGISTER sip:demo.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\nFrom: <sip:1001@demo.test>;tag=a\r\nTo: <sip:1001@demo.test>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\n", s.from, s.cseq, s.callID, s.cseq)
	for line := range strings.Lines(s.header) {
		if line = strings.TrimSpace(line); line != "" {
			raw += line + "\r\n"
		}
	}
	m, err := message.Parse([]byte(raw + "Content-Length: 0\r\n\r\n"))
	if err != nil {
		b.t.Fatalf("%.200v", err)
	}
	a := ask{domain: b.domain, agent: b.agent, device: b.devices[s.device], kind: s.kind, aor: "1001@demo.test", by: udp, source: netip.MustParseAddrPort(s.from)}
	if no = a.read(m, &b.l); no != nil {
		return no.status, 0, no
	}
	p, no := makePlan(b.have, &a, &b.l, b.now)
	if no != nil {
		return no.status, 0, no
	}
	for _, r := range p.refresh {
		r.b.later(a.cseq, r.expires, r.grant, &b.l)
	}
	b.have = p.next
	return 200, len(p.put) + len(p.drop), nil
}

func (b *bench) contacts() string {
	var out []string
	for _, x := range b.have {
		out = append(out, fmt.Sprintf("%d:%s=%d", slices.Index(b.devices[:], x.Device), strings.TrimPrefix(x.Contact, "sip:"), x.left(b.now)))
	}
	if len(out) == 0 {
		return "-"
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestRegister(t *testing.T) {
	const instance = `;+sip.instance="<urn:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6>"`
	long := strings.Repeat("x", maxContact)
	for name, tc := range map[string]struct {
		limits Limits
		steps  []step
	}{
		"parameter beats header": {steps: []step{
			{header: "Contact: <sip:a@h>;expires=120\nExpires: 900", want: "0:a@h=120", writes: 1},
		}},
		"behind a translator of addresses": {steps: []step{
			{header: "Contact: <sip:a@10.0.0.7:5060>\nExpires: 900", want: "0:a@10.0.0.7:5060=120", writes: 1},
			{header: "Contact: <sip:a@10.0.0.7:5060>\nExpires: 90", want: "0:a@10.0.0.7:5060=90", writes: 1},
			{header: "Contact: <sip:a@10.0.0.7:5060>\nExpires: 0", want: "-", writes: 1},
			{header: "Contact: <sip:a@192.0.2.1:5061>\nExpires: 900", want: "0:a@192.0.2.1:5061=900", writes: 1},
			{header: "Contact: <sip:b@10.0.0.7>\nExpires: 900\nPath: <sip:edge.test;lr>", want: "0:a@192.0.2.1:5061=900 0:b@10.0.0.7=900", writes: 1},
		}},
		"header when there is no parameter": {steps: []step{
			{header: "Contact: <sip:a@h>\nExpires: 900", want: "0:a@h=900", writes: 1},
		}},
		"default when there is neither": {steps: []step{
			{header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
		}},
		"unreadable expires is the default": {steps: []step{
			{header: "Contact: <sip:a@h>;expires=soon\nExpires: 100", want: "0:a@h=3600", writes: 1},
		}},
		"more than the most": {steps: []step{
			{header: "Contact: <sip:a@h>;expires=99999999999999999999", want: "0:a@h=3600", writes: 1},
			{header: "Contact: <sip:b@h>\nExpires: 4294967295", want: "0:a@h=3600 0:b@h=3600", writes: 1},
		}},
		"less than the least": {steps: []step{
			{header: "Contact: <sip:a@h>;expires=59", status: 423, want: "-"},
			{header: "Contact: <sip:a@h>\nExpires: 1", status: 423, want: "-"},
			{header: "Contact: <sip:a@h>;expires=60", want: "0:a@h=60", writes: 1},
		}},
		"several contacts at once": {steps: []step{
			{header: "Contact: <sip:a@h>;q=0.5, <sip:b@h>;expires=60\nContact: sip:c@h;expires=70", want: "0:a@h=3600 0:b@h=60 0:c@h=70", writes: 3},
			{header: "", want: "0:a@h=3600 0:b@h=60 0:c@h=70"},
			{header: "Contact: <sip:b@h>;expires=0, <sip:d@h>", want: "0:a@h=3600 0:c@h=70 0:d@h=3600", writes: 2},
		}},
		"all or nothing": {steps: []step{
			{header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
			{header: "Contact: <sip:a@h>;expires=0, <sip:b@h>;expires=5", status: 423, want: "0:a@h=3600"},
			{header: "Contact: <sip:c@h>, <sip:d@h>;q=2", status: 400, want: "0:a@h=3600"},
		}},
		"removal of what is not there": {steps: []step{
			{header: "Contact: <sip:a@h>;expires=0", want: "-"},
		}},
		"star": {steps: []step{
			{header: "Contact: <sip:a@h>, <sip:b@h>", want: "0:a@h=3600 0:b@h=3600", writes: 2},
			{header: "Contact: *", status: 400, want: "0:a@h=3600 0:b@h=3600"},
			{header: "Contact: *\nExpires: 60", status: 400, want: "0:a@h=3600 0:b@h=3600"},
			{header: "Contact: *, <sip:a@h>\nExpires: 0", status: 400, want: "0:a@h=3600 0:b@h=3600"},
			{header: "Contact: *\nExpires: 0", want: "-", writes: 2},
			{header: "Contact: *\nExpires: 0", want: "-"},
		}},
		"star takes the device's own only": {steps: []step{
			{device: 0, header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
			{device: 1, header: "Contact: <sip:a@h>", want: "0:a@h=3600 1:a@h=3600", writes: 1},
			{device: 0, header: "Contact: *\nExpires: 0", want: "1:a@h=3600", writes: 1},
			{device: 0, header: "Contact: <sip:a@h>;expires=0", want: "1:a@h=3600"},
		}},
		"late request": {steps: []step{
			{cseq: 10, header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
			{cseq: 9, header: "Contact: <sip:a@h>;expires=0", status: 500, want: "0:a@h=3600"},
			{cseq: 9, header: "Contact: *\nExpires: 0", status: 500, want: "0:a@h=3600"},
			{cseq: 9, header: "Contact: <sip:z@h>, <sip:a@h>", status: 500, want: "0:a@h=3600"},
			{cseq: 9, callID: "other", header: "Contact: <sip:a@h>;expires=100", want: "0:a@h=100", writes: 1},
		}},
		"retransmission changes nothing": {steps: []step{
			{cseq: 10, header: "Contact: <sip:a@h>;expires=100", want: "0:a@h=100", writes: 1},
			{cseq: 10, after: 40 * time.Second, header: "Contact: <sip:a@h>;expires=100", want: "0:a@h=60"},
			{cseq: 10, header: "Contact: *\nExpires: 0", want: "0:a@h=60"},
		}},
		"equal URI in other words": {steps: []step{
			{header: "Contact: <sip:%61lice@H.test:5060;transport=UDP;lr>", want: "0:%61lice@H.test:5060;transport=UDP;lr=3600", writes: 1},
			{header: "Contact: <sip:alice@h.test:5060;Transport=udp>;expires=0", want: "-", writes: 1},
		}},
		"unequal URIs": {steps: []step{
			{header: "Contact: <sip:a@h>, <sip:a@h:5060>, <sip:A@h>, <sip:a@h;transport=tcp>, <sips:a@h>", want: "0:A@h=3600 0:a@h:5060=3600 0:a@h;transport=tcp=3600 0:a@h=3600 0:sips:a@h=3600", writes: 5},
		}},
		"same instance replaces": {steps: []step{
			{header: "Contact: <sip:a@h:1>" + instance + ";reg-id=1", want: "0:a@h:1=3600", writes: 1},
			{callID: "new", header: "Contact: <sip:a@h:2>" + instance + ";reg-id=1", want: "0:a@h:2=3600", writes: 1},
			{callID: "new", header: "Contact: <sip:a@h:3>" + instance + ";reg-id=2", want: "0:a@h:2=3600 0:a@h:3=3600", writes: 1},
		}},
		"instance in another case": {steps: []step{
			{header: "Contact: <sip:a@h:1>" + instance, want: "0:a@h:1=3600", writes: 1},
			{callID: "new", header: "Contact: <sip:a@h:2>" + strings.ToLower(instance), want: "0:a@h:2=3600", writes: 1},
		}},
		"two contacts of one instance at once": {steps: []step{
			{header: "Contact: <sip:a@h:1>" + instance + ", <sip:a@h:1;transport=tcp>" + instance, want: "0:a@h:1;transport=tcp=3600 0:a@h:1=3600", writes: 2},
		}},
		"back from another port": {steps: []step{
			{header: "Contact: <sip:a@192.0.2.1:1000>", from: "192.0.2.1:1000", want: "0:a@192.0.2.1:1000=3600", writes: 1},
			{header: "Contact: <sip:a@192.0.2.1:2000>", from: "192.0.2.1:2000", want: "0:a@192.0.2.1:2000=3600", writes: 2},
			{header: "Contact: <sip:other@192.0.2.1:2000>", from: "192.0.2.1:2000", want: "0:a@192.0.2.1:2000=3600 0:other@192.0.2.1:2000=3600", writes: 1},
			{callID: "x", header: "Contact: <sip:a@192.0.2.1:3000>", from: "192.0.2.1:3000", want: "0:a@192.0.2.1:2000=3600 0:a@192.0.2.1:3000=3600 0:other@192.0.2.1:2000=3600", writes: 1},
		}},
		"refresh writes nothing within the padding": {steps: []step{
			{header: "Contact: <sip:a@h>\nExpires: 600", want: "0:a@h=600", writes: 1},
			{after: 9 * time.Minute, header: "Contact: <sip:a@h>\nExpires: 600", want: "0:a@h=600"},
			{after: 9 * time.Minute, header: "Contact: <sip:a@h>\nExpires: 600", want: "0:a@h=600"},
			{after: 9 * time.Minute, header: "Contact: <sip:a@h>\nExpires: 600", want: "0:a@h=600"},
			// Longer than before is a refresh too, if it is covered.
			{after: 9 * time.Minute, header: "Contact: <sip:a@h>\nExpires: 1200", want: "0:a@h=1200"},
			{after: 9 * time.Minute, header: "Contact: <sip:a@h>\nExpires: 1800", want: "0:a@h=1800", writes: 1},
		}},
		"what changes is written": {steps: []step{
			{header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
			{header: "Contact: <sip:a@h>;expires=600", want: "0:a@h=600", writes: 1}, // shortened
			{header: "Contact: <sip:a@h>;expires=600;q=0.1", want: "0:a@h=600", writes: 1},
			{from: "192.0.2.1:99", header: "Contact: <sip:a@h>;expires=600;q=0.1", want: "0:a@h=600", writes: 1},
			{from: "192.0.2.1:99", header: "Contact: <sip:a@h>;expires=600;q=0.1\nPath: <sip:edge;lr>", want: "0:a@h=600", writes: 1},
			{from: "192.0.2.1:99", header: "Contact: <sip:a@h>;expires=600;q=0.1\nPath: <sip:edge;lr>\nUser-Agent: X", want: "0:a@h=600", writes: 1},
			{from: "192.0.2.1:99", header: "Contact: <sip:a@h>;expires=600;q=0.1\nPath: <sip:edge;lr>\nUser-Agent: X", want: "0:a@h=600"},
		}},
		"limit, oldest goes": {limits: Limits{Contacts: 2}, steps: []step{
			{header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
			{after: time.Second, header: "Contact: <sip:b@h>", want: "0:a@h=3599 0:b@h=3600", writes: 1},
			{after: time.Second, header: "Contact: <sip:a@h>", want: "0:a@h=3600 0:b@h=3599"},
			{device: 1, header: "Contact: <sip:d@h>", want: "0:a@h=3600 0:b@h=3599 1:d@h=3600", writes: 1},
			{after: time.Second, header: "Contact: <sip:c@h>", want: "0:a@h=3599 0:c@h=3600 1:d@h=3599", writes: 2},
			{header: "Contact: <sip:x@h>, <sip:y@h>, <sip:z@h>", status: 403, want: "0:a@h=3599 0:c@h=3600 1:d@h=3599"},
		}},
		"limit, refused": {limits: Limits{Contacts: 1, Excess: ExcessReject}, steps: []step{
			{header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
			{header: "Contact: <sip:b@h>", status: 403, want: "0:a@h=3600"},
			{header: "Contact: <sip:a@h>;expires=0, <sip:b@h>", want: "0:b@h=3600", writes: 2},
		}},
		"a limit of its own for a kind": {limits: Limits{Contacts: 2, Desk: Share{Contacts: 1}, Soft: Share{Excess: ExcessReject}, Mobile: Share{Excess: ExcessUnlimited}}, steps: []step{
			{kind: presence.KindDesk, header: "Contact: <sip:a@h>", want: "0:a@h=3600", writes: 1},
			{kind: presence.KindDesk, after: time.Second, header: "Contact: <sip:b@h>", want: "0:b@h=3600", writes: 2},
			{device: 1, kind: presence.KindSoft, header: "Contact: <sip:a@h>, <sip:b@h>", want: "0:b@h=3600 1:a@h=3600 1:b@h=3600", writes: 2},
			{device: 1, kind: presence.KindSoft, header: "Contact: <sip:c@h>", status: 403, want: "0:b@h=3600 1:a@h=3600 1:b@h=3600"},
			{device: 1, kind: presence.KindSoft, header: "Contact: *\nExpires: 0", want: "0:b@h=3600", writes: 2},
			{device: 2, kind: presence.KindMobile, header: "Contact: <sip:a@h>, <sip:b@h>, <sip:c@h>", want: "0:b@h=3600 2:a@h=3600 2:b@h=3600 2:c@h=3600", writes: 3},
		}},
		"flows of one instance are one contact": {limits: Limits{Contacts: 1}, steps: []step{
			{header: "Contact: <sip:a@h:1>" + instance + ";reg-id=1", want: "0:a@h:1=3600", writes: 1},
			{after: time.Second, callID: "x", header: "Contact: <sip:a@h:2>" + instance + ";reg-id=2", want: "0:a@h:1=3599 0:a@h:2=3600", writes: 1},
			{after: time.Second, callID: "x", header: "Contact: <sip:a@h:3>" + instance + ";reg-id=3", want: "0:a@h:1=3598 0:a@h:2=3599 0:a@h:3=3600", writes: 1},
			{after: time.Second, callID: "x", header: "Contact: <sip:a@h:4>" + instance + ";reg-id=4", want: "0:a@h:1=3597 0:a@h:2=3598 0:a@h:3=3599 0:a@h:4=3600", writes: 1},
			{after: time.Second, callID: "x", header: "Contact: <sip:a@h:5>" + instance + ";reg-id=5", want: "0:a@h:2=3597 0:a@h:3=3598 0:a@h:4=3599 0:a@h:5=3600", writes: 2},
			{after: time.Second, callID: "y", header: "Contact: <sip:b@h>", want: "0:b@h=3600", writes: 5},
		}},
		"rubbish": {steps: []step{
			{header: "Contact: <sip:a@h", status: 400, want: "-"},
			{header: "Contact: \"a <sip:a@h>", status: 400, want: "-"},
			{header: "Contact: <mailto:a@h>", status: 400, want: "-"},
			{header: "Contact: <tel:+123>", status: 400, want: "-"},
			{header: "Contact: <sip:a@h:99999>", status: 400, want: "-"},
			{header: "Contact: <sip:a@h?x=y>", status: 400, want: "-"},
			{header: "Contact: <sip:a@h>;q=1.1", status: 400, want: "-"},
			{header: "Contact: <sip:a@h>;q=-1", status: 400, want: "-"},
			{header: "Contact: <sip:a@h>;q=0.1234", status: 400, want: "-"},
			{header: "Contact: <sip:a@h>;q=x", status: 400, want: "-"},
			{header: "Contact: <sip:a@h>;q=", status: 400, want: "-"},
			{header: "Contact: <sip:" + long + "@h>", status: 400, want: "-"},
			{header: "Contact: " + strings.Repeat("<sip:a@h>,", 11) + "<sip:b@h>", want: "0:a@h=3600 0:b@h=3600", writes: 2},
			{header: "Contact: <sip:c@h>\nPath: nonsense", status: 400, want: "0:a@h=3600 0:b@h=3600"},
			{header: "Contact: <sip:c@h>\nPath: <sip:" + long + ">", status: 400, want: "0:a@h=3600 0:b@h=3600"},
			{header: "Contact: <sip:c@h>\nRequire: path, 100rel", status: 420, want: "0:a@h=3600 0:b@h=3600"},
			{header: "Contact: <sip:c@h>\nProxy-Require: sec-agree", status: 420, want: "0:a@h=3600 0:b@h=3600"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tc.limits)
			for i, s := range tc.steps {
				status, writes, no := b.register(s)
				if s.status == 0 {
					s.status = 200
				}
				if status != s.status {
					t.Fatalf("step %d: status %d, want %d (%+v)", i, status, s.status, no)
				}
				if got := b.contacts(); got != s.want {
					t.Fatalf("step %d: bound\n\t%s, want\n\t%s", i, got, s.want)
				}
				if s.writes >= 0 && writes != s.writes {
					t.Fatalf("step %d: %d writes, want %d", i, writes, s.writes)
				}
			}
		})
	}
}

// Many contacts in one request cost no more than a message of that size may.
func TestAbsurdContactList(t *testing.T) {
	b := newBench(t, Limits{})
	var list strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&list, "<sip:%d@h>,", i)
	}
	start := time.Now()
	if status, _, _ := b.register(step{header: "Contact: " + strings.TrimSuffix(list.String(), ",")}); status != 403 {
		t.Errorf("status %d, want 403", status)
	}
	if d := time.Since(start); d > 200*time.Millisecond {
		t.Errorf("took %v", d)
	}
}

func TestParseQ(t *testing.T) {
	for s, want := range map[string]int{
		"0": 0, "1": 1000, "0.5": 500, "0.05": 50, "0.005": 5, "1.0": 1000, "1.000": 1000, "0.": 0, "1.": 1000, ".5": 500, "0.999": 999,
		"": -1, ".": -1, "2": -1, "1.001": -1, "0.1234": -1, "-0.5": -1, "0,5": -1, "0.5x": -1, "0x1": -1, "1e0": -1, "00": -1,
	} {
		got, ok := parseQ(s)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestFlowOnly(t *testing.T) {
	for name, tc := range map[string]struct {
		by, contact, source string
		want                bool
	}{
		"UDP":                        {"UDP", "sip:a@10.0.0.1", "192.0.2.1:5060", false},
		"UDP without a name":         {"UDP", "sip:a@x.invalid", "192.0.2.1:5060", true},
		"TCP from its contact":       {"TCP", "sip:a@192.0.2.1:5060;transport=tcp", "192.0.2.1:40000", false},
		"TCP behind NAT":             {"TCP", "sip:a@10.0.0.1;transport=tcp", "192.0.2.1:40000", true},
		"TLS by name":                {"TLS", "sips:a@phone.example.com", "192.0.2.1:40000", false},
		"WebSocket":                  {"WS", "sip:a@192.0.2.1", "192.0.2.1:40000", true},
		"secure WebSocket":           {"WSS", "sip:x@abc.invalid;transport=ws", "192.0.2.1:40000", true},
		"TCP with IPv4 in IPv6 form": {"TCP", "sip:a@192.0.2.1", "[::ffff:192.0.2.1]:40000", false},
	} {
		b := Binding{Transport: tc.by, Contact: tc.contact, Source: netip.MustParseAddrPort(tc.source)}
		if got := b.FlowOnly(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// However much is asked for, a device has a bounded number of contacts.
func TestUnlimitedContactsAreBounded(t *testing.T) {
	b := newBench(t, Limits{Excess: ExcessUnlimited})
	for i := range 2 * maxContacts {
		if status, _, _ := b.register(step{after: time.Second, header: fmt.Sprintf("Contact: <sip:%d@h>", i), callID: fmt.Sprint(i)}); status != 200 {
			t.Fatalf("contact %d: %d", i, status)
		}
	}
	if len(b.have) != maxContacts || b.have[0].Contact != fmt.Sprintf("sip:%d@h", maxContacts) {
		t.Errorf("%d contacts, the oldest is %s", len(b.have), b.have[0].Contact)
	}
}
