package notifier

import (
	"fmt"
	"strings"
	"testing"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/store"
)

func TestBusyLampIsForTheNamedPhones(t *testing.T) {
	n := &Notifier{}
	table := quirks.Table{{Match: "fanvil", Quirks: quirks.BusyLamp}}
	n.phones.Store(&table)
	for name, c := range map[string]struct {
		begins []string
		agent  string
		want   bool
	}{
		"none by default":  {nil, "Yealink SIP-T46S 66.85.0.5", false},
		"named":            {[]string{"Snom", "yealink"}, "Yealink SIP-T46S 66.85.0.5", true},
		"another":          {[]string{"snom"}, "Yealink SIP-T46S 66.85.0.5", false},
		"all":              {[]string{"*"}, "", true},
		"the end is not":   {[]string{"66.85"}, "Yealink SIP-T46S 66.85.0.5", false},
		"says nothing":     {[]string{"snom"}, "", false},
		"longer than name": {[]string{"yealink sip-t46s 66.85.0.5 x"}, "Yealink SIP-T46S 66.85.0.5", false},
		"by the table":     {nil, "Fanvil X6U", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := &subscription{}
			n.recognise(s, &presence.Domain{Policy: presence.Policy{BusyLamp: c.begins}}, c.agent)
			if got := s.quirks.Has(quirks.BusyLamp); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// told is a package that shows what it is told of the watcher's phone.
type told struct{ lamp }

func (told) Types() []string { return []string{"application/first", "application/odd"} }
func (told) Prefer(q quirks.Set) string {
	if q.Has(quirks.XPIDF) {
		return "application/odd"
	}
	return ""
}

func (told) Append(dst []byte, s *presence.Snapshot, v View) ([]byte, int) {
	dst, at := lamp{}.Append(dst, s, v)
	return fmt.Appendf(dst, " %s limit=%d", strings.Join(v.Quirks.Names(), "+"), v.Limit), at
}

func TestPhoneIsRecognisedOnceAndForGood(t *testing.T) {
	tweak := func(o *Options) {
		o.Packages = []Package{told{}}
		o.Phones = quirks.Table{{Match: "odd", Quirks: quirks.XPIDF | quirks.SingleDialog, LargestBody: 400}}
	}
	bubble(t, tweak, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.extra = []message.Header{{Name: message.UserAgent, Value: "Odd Phone/1"}, {Name: message.Accept, Value: "application/first, application/odd"}}
		want := func(m *message.Message, end, typ string) {
			t.Helper()
			if !strings.HasSuffix(string(m.Body), end) || m.Get(message.ContentType) != typ {
				t.Errorf("%s %q, want %q", m.Get(message.ContentType), m.Body, end)
			}
		}
		odd, oddType := "single_dialog+xpidf limit=400", "application/odd"
		want(p.live(), odd, oddType)
		r.n.SetPhones(nil)
		p.extra = nil
		want(p.live(), odd, oddType) // a refresh does not begin anew
		r.opts.Phones = nil
		r.restart()
		want(p.notified(200), odd, oddType)
		q := r.phone("192.0.2.11:5060", "102", "sip:101@ex.test")
		q.extra = []message.Header{{Name: message.UserAgent, Value: "Odd Phone/1"}}
		want(q.live(), " limit=820", "application/first")
	})
}

func TestPreferredTypeIsSentOnlyIfAccepted(t *testing.T) {
	for accept, want := range map[string]uint8{"": 1, "application/ODD;q=0.5": 1, "application/first": 0, "*/*": 0} {
		var list []string
		if accept != "" {
			list = []string{accept}
		}
		if got, ok := chooseType(told{}, list, quirks.XPIDF); !ok || got != want {
			t.Errorf("Accept %q: type %d, %v", accept, got, ok)
		}
	}
}

// oldRow is a row of a subscription as the first encoding had it.
func oldRow(r store.Record, busy bool) store.Record {
	r.Codec = codecPlain
	at := strings.Index(string(r.Data), "\x00NOTIFY ") // no extras: their count of zero goes
	r.Data = append(append([]byte(nil), r.Data[:at]...), r.Data[at+1:]...)
	if busy {
		r.Data[33] |= 1
	}
	return r
}

func TestRowsOfTheFirstEncodingAreRead(t *testing.T) {
	n := &Notifier{packages: []Package{lampPackage{}}, boot: 1}
	row := records(n, 1)[0]
	same := func(b []byte) string { return string(b) }
	want, _, err := n.fromRecord(row, same)
	if err != nil {
		t.Fatal(err)
	}
	for _, busy := range []bool{false, true} {
		s, _, err := n.fromRecord(oldRow(row, busy), same)
		if err != nil {
			t.Fatal(err)
		}
		if string(s.head) != string(want.head) || s.until != want.until || s.owner != want.owner || s.quirks.Has(quirks.BusyLamp) != busy {
			t.Errorf("read %+v", s)
		}
	}
}

func TestExtrasOfLaterVersionsAreSkipped(t *testing.T) {
	s := &subscription{}
	d := decoder{b: []byte{3, 99, 2, 'x', 'y', byte(extraQuirks), 1, 4, byte(extraLargest), 2, 0x90, 0x03, 'r', 'e', 's', 't'}}
	s.readExtras(&d)
	if d.failed || string(d.b) != "rest" || s.quirks != quirks.SingleDialog || s.largest != 400 {
		t.Errorf("%+v, left %q, failed %v", s.quirks, d.b, d.failed)
	}
	torn := decoder{b: []byte{2, byte(extraQuirks), 9, 1}}
	if s.readExtras(&torn); !torn.failed {
		t.Error("a torn row was read")
	}
}
