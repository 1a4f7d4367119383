package registrar_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/registrar"
)

// gruus are the GRUUs in a 200, by their kinds, of the only Contact that has some.
func gruus(t *testing.T, m *message.Message) (public, temporary string) {
	t.Helper()
	list, err := m.Contacts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if p, ok := c.Params.Get("pub-gruu"); ok {
			if public != "" {
				t.Fatalf("two contacts with a GRUU:\n%s", m.Raw)
			}
			public = p
			temporary, _ = c.Params.Get("temp-gruu")
		}
	}
	return public, temporary
}

// resolved says what a GRUU leads to.
func (h *house) resolved(gruu string) string {
	h.t.Helper()
	uri, err := message.ParseURI(gruu)
	if err != nil {
		h.t.Fatalf("%q: %v", gruu, err)
	}
	in, err := h.reg.Resolve(&uri)
	switch {
	case errors.Is(err, registrar.ErrNoGRUU):
		return "none of ours"
	case errors.Is(err, registrar.ErrGRUUEnded):
		return "ended"
	case err != nil:
		h.t.Fatal(err)
	}
	var out []string
	for _, b := range in.Ways {
		out = append(out, b.Contact)
	}
	return strings.Join(out, " ")
}

func TestGRUULeadsToItsInstanceAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{GRUU: true})
		const asks = "Supported: gruu, path, outbound"
		wantStatus(t, h.phone("1001-soft", "10.0.1.9:5060").register("Contact: <sip:soft@10.0.1.9>"), 200)
		p := h.phone("1001", "10.0.1.1:5060")
		if public, temporary := gruus(t, p.register(flowContact("sip:desk@10.0.1.1", 1))); public != "" || temporary != "" {
			t.Errorf("who did not ask has %s, %s", public, temporary)
		}
		public, first := gruus(t, p.register(flowContact("sip:desk@10.0.1.1", 1), asks))
		if public != "sip:1001@demo.test;gr=urn:uuid:00000000-0000-1000-8000-000a95a0e128" {
			t.Fatalf("public GRUU %q", public)
		}
		again, second := gruus(t, p.register(flowContact("sip:desk@10.0.1.1", 1), asks))
		if again != public || second == first || strings.Contains(second, "1001") || !strings.HasSuffix(second, "@demo.test;gr") {
			t.Errorf("after a refresh %q and %q, before %q", again, second, first)
		}
		for _, g := range []string{public, first, second, strings.ToUpper(public[:4]) + public[4:], strings.Replace(public, "demo.test", "DEMO.test", 1)} {
			if got := h.resolved(g); got != "sip:desk@10.0.1.1" {
				t.Errorf("%s leads to %q", g, got)
			}
		}
		// From elsewhere, with the same Call-ID, all of them go on.
		p2 := h.phone("1001", "10.0.1.1:5070")
		p2.callID, p2.seq = p.callID, 100
		wantStatus(t, p2.register(flowContact("sip:desk@10.0.1.1:5070", 1), asks), 200)
		for _, g := range []string{public, first, second} {
			if got := h.resolved(g); got != "sip:desk@10.0.1.1:5070" {
				t.Errorf("after the phone moved %s leads to %q", g, got)
			}
		}
		// A second flow is the same instance, tried first.
		p3 := h.phone("1001", "10.0.1.1:5080")
		p3.callID, p3.seq = p.callID, 200
		time.Sleep(time.Second)
		wantStatus(t, p3.register(flowContact("sip:desk@10.0.1.1:5080", 2), asks), 200)
		if got := h.resolved(public); got != "sip:desk@10.0.1.1:5080 sip:desk@10.0.1.1:5070" {
			t.Errorf("with two flows it leads to %q", got)
		}
		h.crash()
		if got := h.resolved(first); got != "sip:desk@10.0.1.1:5080 sip:desk@10.0.1.1:5070" {
			t.Errorf("after a restart it leads to %q", got)
		}
		// The device with another holder takes its temporary ones along; the public
		// one is an address of the agent who had it.
		h.give("1001", "1002")
		h.wantAt("sip:desk@10.0.1.1:5080", "1002")
		if got := h.resolved(public) + "|" + h.resolved(second); got != "|sip:desk@10.0.1.1:5080 sip:desk@10.0.1.1:5070" {
			t.Errorf("at another agent they lead to %q", got)
		}
	})
}

// RFC 5627 §3.2: a temporary GRUU ends with its Call-ID, the public one does not.
func TestTemporaryGRUUEndsWithItsCallID(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{GRUU: true})
		p := h.phone("1001", "10.0.1.1:5060")
		public, temporary := gruus(t, p.register(flowContact("sip:desk@10.0.1.1", 1), "Supported: gruu"))
		wantStatus(t, p.register(flowContact("sip:desk@10.0.1.1", 1)+";expires=0"), 200)
		if got := h.resolved(public) + "|" + h.resolved(temporary); got != "|ended" {
			t.Errorf("unregistered: %q", got)
		}
		p.callID = "another"
		wantStatus(t, p.register(flowContact("sip:desk@10.0.1.1", 1), "Supported: gruu"), 200)
		if got := h.resolved(public) + "|" + h.resolved(temporary); got != "sip:desk@10.0.1.1|ended" {
			t.Errorf("registered with another Call-ID: %q", got)
		}
	})
}

func TestForgedGRUUsLeadNowhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{GRUU: true})
		p := h.phone("1001", "10.0.1.1:5060")
		_, temporary := gruus(t, p.register(flowContact("sip:desk@10.0.1.1", 1), "Supported: gruu"))
		user, _, _ := strings.Cut(strings.TrimPrefix(temporary, "sip:"), "@")
		for i := range user {
			other := "A"
			if user[i] == 'A' {
				other = "B"
			}
			if got := h.resolved("sip:" + user[:i] + other + user[i+1:] + "@demo.test;gr"); got != "none of ours" {
				t.Errorf("changed at %d: %q", i, got)
			}
		}
		for _, g := range []string{
			"sip:tgruu.@demo.test;gr", "sip:tgruu." + strings.Repeat("A", 5000) + "@demo.test;gr", "sip:" + user + "@elsewhere.test;gr",
			"sip:1001@demo.test", "sip:nobody@demo.test;gr=urn:uuid:1", "sip:1001@demo.test;gr", "tel:1001;gr=x",
		} {
			if got := h.resolved(g); got != "none of ours" {
				t.Errorf("%.60s: %q", g, got)
			}
		}
		if got := h.resolved("sip:1001@demo.test;gr=urn:uuid:1"); got != "" {
			t.Errorf("an instance that is not registered: %q", got)
		}
		// It would lead to itself.
		for _, contact := range []string{temporary, "sip:1001@demo.test;gr=urn:uuid:1"} {
			wantStatus(t, p.register(fmt.Sprintf("Contact: <%s>", contact)), 403)
		}
		// What we said of a contact is not kept as the client's word.
		res := p.register(flowContact("sip:desk@10.0.1.1", 1)+`;pub-gruu="sip:evil@x;gr";temp-gruu="sip:evil@x;gr"`, "Supported: gruu")
		if strings.Contains(contacts(res), "evil") {
			t.Errorf("contacts %s", contacts(res))
		}
		// Names of instances that need escapes.
		odd := h.phone("1001-soft", "10.0.1.2:5060")
		public, _ := gruus(t, odd.register(`Contact: <sip:soft@10.0.1.2>;+sip.instance="<urn:x-odd:a b;c=\"d\">"`, "Supported: gruu"))
		if got := h.resolved(public); got != "sip:soft@10.0.1.2" {
			t.Errorf("%q leads to %q", public, got)
		}
	})
}
