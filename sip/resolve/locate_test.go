package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// zone is a DNS in memory: what is not in it does not exist, and what is down
// answers nothing.
type zone struct {
	naptr map[string][]NAPTR
	srv   map[string][]SRV
	hosts map[string]string
	down  map[string]bool
	ttl   time.Duration
	asked []string
}

var errDown = errors.New("nobody answers")

func (z *zone) Ask(_ context.Context, name string, kind Kind) (Answer, error) {
	z.asked = append(z.asked, fmt.Sprint(name, " ", kind))
	if z.down[name] {
		return Answer{}, errDown
	}
	if kind == KindNAPTR {
		return Answer{NAPTR: z.naptr[name], TTL: z.ttl}, nil
	}
	return Answer{SRV: z.srv[name], TTL: z.ttl}, nil
}

func (z *zone) lookup(_ context.Context, name string) ([]netip.Addr, error) {
	z.asked = append(z.asked, name)
	if z.down[name] {
		return nil, errDown
	}
	var out []netip.Addr
	for a := range strings.FieldsSeq(z.hosts[name]) {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func places(list []Target) string {
	var out []string
	for _, t := range list {
		out = append(out, t.Transport+" "+t.Addr.String())
	}
	return strings.Join(out, ", ")
}

// TestServersAreFoundByRFC3263 walks §4.1 and §4.2.
func TestServersAreFoundByRFC3263(t *testing.T) {
	full := zone{
		naptr: map[string][]NAPTR{
			"full.test": {
				{Order: 50, Preference: 50, Flags: "s", Service: "SIP+D2U", Replacement: "_sip._udp.full.test"},
				{Order: 20, Preference: 50, Flags: "S", Service: "sip+d2t", Replacement: "tcp.elsewhere.test"},
				{Order: 10, Preference: 50, Flags: "s", Service: "SIPS+D2T", Replacement: "_sips._tcp.full.test"},
				{Order: 1, Preference: 1, Flags: "s", Service: "SIP+D2S", Replacement: "_sip._sctp.full.test"}, // not ours
				{Order: 1, Preference: 1, Flags: "u", Service: "SIP+D2U", Replacement: "x.test"},
			},
			"broken.test": {{Flags: "s", Service: "SIP+D2U", Replacement: "nothing.test"}},
		},
		srv: map[string][]SRV{
			"_sip._udp.full.test":   {{1, 0, 5060, "u.full.test"}},
			"tcp.elsewhere.test":    {{2, 0, 5070, "b.full.test"}, {1, 0, 5060, "a.full.test"}},
			"_sips._tcp.full.test":  {{1, 0, 5061, "a.full.test"}},
			"_sip._tcp.srv.test":    {{1, 0, 5080, "a.full.test"}},
			"_sip._udp.srv.test":    {{1, 0, 5090, "gone.test"}, {2, 0, 5091, "b.full.test"}},
			"_sip._udp.closed.test": {{0, 0, 0, ""}},
			"_sip._tcp.closed.test": {{0, 0, 0, ""}},
		},
		hosts: map[string]string{
			"a.full.test": "192.0.2.1 2001:db8::1", "b.full.test": "192.0.2.2", "u.full.test": "192.0.2.3",
			"plain.test": "192.0.2.9", "closed.test": "192.0.2.9", "broken.test": "192.0.2.10",
		},
		down: map[string]bool{"down.test": true},
	}
	for name, c := range map[string]struct {
		s    Server
		want string
	}{
		"NAPTR chooses, in its order": {Server{Host: "full.test"}, "TLS 192.0.2.1:5061, TLS [2001:db8::1]:5061, TCP 192.0.2.1:5060, TCP [2001:db8::1]:5060, TCP 192.0.2.2:5070, UDP 192.0.2.3:5060"},
		"sips is TLS only":            {Server{Host: "full.test", Secure: true}, "TLS 192.0.2.1:5061, TLS [2001:db8::1]:5061"},
		"a transport that is given":   {Server{Host: "full.test", Transport: "UDP"}, "UDP 192.0.2.3:5060"},
		"SRV without NAPTR":           {Server{Host: "srv.test"}, "UDP 192.0.2.2:5091, TCP 192.0.2.1:5080, TCP [2001:db8::1]:5080"},
		"a host without either":       {Server{Host: "plain.test"}, "UDP 192.0.2.9:5060"},
		"sips at such a host":         {Server{Host: "plain.test", Secure: true}, "TLS 192.0.2.9:5061"},
		"a port: no SRV":              {Server{Host: "a.full.test", Port: 5062}, "UDP 192.0.2.1:5062, UDP [2001:db8::1]:5062"},
		"a port with sips":            {Server{Host: "b.full.test", Port: 5062, Secure: true}, "TLS 192.0.2.2:5062"},
		"an address":                  {Server{Host: "192.0.2.7", Transport: "TCP"}, "TCP 192.0.2.7:5060"},
		"NAPTR to nowhere":            {Server{Host: "broken.test"}, "UDP 192.0.2.10:5060"},
		"decidedly no service":        {Server{Host: "closed.test"}, ""},
		"nothing at all":              {Server{Host: "nobody.test"}, ""},
		"no answer":                   {Server{Host: "down.test"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			z := full
			l := &Locator{DNS: &z, Hosts: Hosts{Lookup: z.lookup}}
			got, err := l.Find(t.Context(), c.s)
			if places(got) != c.want || (err != nil) != (c.want == "") {
				t.Errorf("found %q, %v", places(got), err)
			}
			for _, p := range got {
				if p.Name != c.s.Host {
					t.Errorf("its certificate would have to name %q", p.Name)
				}
			}
			if c.s.Port != 0 || c.s.Host == "192.0.2.7" {
				for _, q := range z.asked {
					if strings.Contains(q, " ") {
						t.Errorf("asked for %s", q)
					}
				}
			}
		})
	}
}

func TestAnswersAreBounded(t *testing.T) {
	z := zone{srv: map[string][]SRV{}, hosts: map[string]string{}}
	for i := range 100 {
		host := fmt.Sprintf("h%d.test", i)
		z.srv["_sip._udp.many.test"] = append(z.srv["_sip._udp.many.test"], SRV{1, 1, 5060, host})
		z.hosts[host] = "192.0.2.1 192.0.2.2 192.0.2.3"
	}
	got, err := (&Locator{DNS: &z, Hosts: Hosts{Lookup: z.lookup}}).Find(t.Context(), Server{Host: "many.test", Transport: "UDP"})
	if err != nil || len(got) != maxTargets || len(z.asked) > maxSRV+1 {
		t.Errorf("%d targets by %d questions, %v", len(got), len(z.asked), err)
	}
}

// TestHeavierServersComeFirstMoreOften is RFC 2782.
func TestHeavierServersComeFirstMoreOften(t *testing.T) {
	list := []SRV{{2, 100, 0, "last"}, {1, 10, 0, "light"}, {1, 30, 0, "heavy"}, {1, 0, 0, "never"}}
	for pick, want := range map[int]string{0: "never", 1: "light", 10: "light", 11: "heavy", 40: "heavy"} {
		first := true
		got := order(list, func(n int) int {
			if first {
				first = false
				if n != 41 {
					t.Errorf("chosen among %d", n)
				}
				return pick
			}
			return 0
		})
		if got[0].Target != want || got[3].Target != "last" || len(got) != 4 {
			t.Errorf("%d gives %+v", pick, got)
		}
	}
	count := map[string]int{}
	for range 4000 {
		count[order(list, nil)[0].Target]++
	}
	if count["heavy"] < 2*count["light"] || count["heavy"] > 4*count["light"] || count["never"] > 250 {
		t.Errorf("first of 4000: %v", count)
	}
}
