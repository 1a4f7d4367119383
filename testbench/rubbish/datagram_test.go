//go:build testbench

package rubbish

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

// badXML publishes documents that are none, from the peer that may publish.
func badXML(t *testing.T, srv *lab.Server) {
	l, err := phone.UDP("127.0.0.1", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &phone.Phone{Line: l, Domain: domain, Anonymous: true}
	info := func(inner string) string {
		return `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:1003@` + domain + `">` + inner + `</dialog-info>`
	}
	var laughs strings.Builder
	laughs.WriteString(`<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "ha">`)
	for i := range 20 {
		fmt.Fprintf(&laughs, `<!ENTITY a%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
	}
	laughs.WriteString(`]><dialog-info version="0" entity="sip:1003@` + domain + `"><dialog id="&a20;"/></dialog-info>`)
	dialog := `<dialog id="x"><state>confirmed</state></dialog>`
	n := 0
	publish := func(extra, typ, body string) int {
		n++
		res, err := p.Do("PUBLISH", "sip:1003@"+domain, func() string {
			return fmt.Sprintf("From: <sip:1003@%s>;tag=x%d\r\nTo: <sip:1003@%s>\r\nCall-ID: bad-%d-%d\r\nCSeq: 1 PUBLISH\r\nEvent: dialog\r\nExpires: 60\r\n%sContent-Type: %s\r\n",
				domain, n, domain, n, time.Now().UnixNano(), extra, typ)
		}, body)
		if err != nil {
			t.Errorf("no answer: %v", err)
		}
		return res.Status
	}
	const xml = "application/dialog-info+xml"
	for name, c := range map[string]struct {
		extra, typ, body string
		want             []int
	}{
		"a billion laughs":       {"", xml, laughs.String(), []int{400}},
		"a document type":        {"", xml, `<!DOCTYPE x SYSTEM "file:///etc/passwd">` + info(dialog)[21:], []int{400}},
		"ten thousand deep":      {"", xml, info(strings.Repeat("<a>", 6000) + strings.Repeat("</a>", 6000)), []int{400, 413}},
		"two thousand dialogs":   {"", xml, info(strings.Repeat(`<dialog id="x"/>`, 2000)), []int{413}},
		"an attribute of 50 kB":  {"", xml, info(`<dialog id="` + strings.Repeat("x", 50_000) + `"/>`), []int{400, 413}},
		"UTF-16":                 {"", xml, "\xff\xfe<\x00d\x00i\x00", []int{400}},
		"said to be UTF-16":      {"", xml, strings.Replace(info(dialog), `"1.0"`, `"1.0" encoding="UTF-16"`, 1), []int{400}},
		"not UTF-8":              {"", xml, info("<dialog id=\"\xff\xfe\xc0\"/>"), []int{400}},
		"cut off":                {"", xml, info(dialog)[:120], []int{400}},
		"control characters":     {"", xml, info("\x00\x01\x02"), []int{400}},
		"another root":           {"", xml, `<html/>`, []int{400}},
		"JSON":                   {"", xml, `{"state":"confirmed"}`, []int{400}},
		"another type":           {"", "application/pidf+xml", info(dialog), []int{415}},
		"compressed":             {"Content-Encoding: gzip\r\n", xml, "\x1f\x8b\x08", []int{415}},
		"another's entity":       {"", xml, strings.Replace(info(dialog), domain, "elsewhere.test", 1), []int{403, 404}},
		"a tag that is none":     {"SIP-If-Match: ../../etc\r\n", xml, info(dialog), []int{412}},
		"a tag nobody was given": {"SIP-If-Match: 0123456789abcdef-1\r\n", xml, info(dialog), []int{412}},
	} {
		got := publish(c.extra, c.typ, c.body)
		fine := false
		for _, w := range c.want {
			fine = fine || got == w
		}
		if !fine {
			t.Errorf("%s: %d, want %v", name, got, c.want)
		}
	}
	for range 300 {
		publish("", xml, laughs.String())
	}
	if a := srv.Agent("1003"); a.Status.Team.Status != "offline" {
		t.Errorf("a refused document changed the status to %s", a.Status.Team.Status)
	}
}

// wrongDigests tries passwords from one address, as scanners do.
func wrongDigests(t *testing.T, srv *lab.Server) {
	l, err := phone.UDP("127.0.9.9", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answers := map[int]int{}
	for i := range 3000 {
		user := fmt.Sprint(1001 + i%12)
		p := &phone.Phone{Line: l, User: user, Number: user, Domain: domain, Password: strconv.Itoa(i)}
		res, err := p.Register("<" + p.Contact(0) + ">")
		if err != nil {
			t.Fatalf("try %d: %v", i, err)
		}
		answers[res.Status]++
	}
	t.Logf("3,000 wrong passwords from one address: %v", answers)
	if answers[200] > 0 || answers[401]+answers[403] != 3000 {
		t.Errorf("answers %v, want 401 and 403 only", answers)
	}
	if answers[403] < 2000 {
		t.Errorf("only %d tries were refused unheard", answers[403])
	}
	p := &phone.Phone{Line: l, User: "1005", Number: "1005", Domain: domain, Password: "demo-1005"}
	res, err := p.Register("<" + p.Contact(0) + ">")
	t.Logf("the right password from that address at once afterwards: %d %v", res.Status, err)
}

// mutated sends 200,000 datagrams, a third of them random, the rest sound
// messages with a few bytes changed, at 20,000 a second.
func mutated(t *testing.T, srv *lab.Server) {
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("RUBBISH_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	t.Logf("RUBBISH_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var socks []net.Conn
	for i := range 16 {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, byte(i%2), byte(1+100*(i%2)+i))}, udpAddr(t, srv.SIP))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		socks = append(socks, c)
	}
	udp := func(method, extra, body string) string {
		return strings.Replace(request(method, extra, body), "SIP/2.0/TCP", "SIP/2.0/UDP", 1)
	}
	sound := []string{
		udp("REGISTER", "Contact: <sip:x@127.0.0.1:9>;q=0.5\r\nExpires: 60\r\nAuthorization: Digest username=\"1001\",realm=\""+domain+"\",nonce=\"abc\",uri=\"sip:x\",response=\"0\",qop=auth,nc=00000001,cnonce=\"x\"\r\n", ""),
		udp("SUBSCRIBE", "Contact: <sip:x@127.0.0.1:9>\r\nEvent: dialog\r\nAccept: application/dialog-info+xml\r\n", ""),
		udp("PUBLISH", "Event: dialog\r\nContent-Type: application/dialog-info+xml\r\n", `<dialog-info version="0" entity="sip:parking@`+domain+`"><dialog id="x"><state>early</state></dialog></dialog-info>`),
		udp("INVITE", "Contact: <sip:x@127.0.0.1:9>\r\n", "v=0\r\n"),
		udp("ACK", "", ""), udp("CANCEL", "", ""), udp("BYE", "", ""), udp("OPTIONS", "", ""),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:x>;tag=1\r\nTo: <sip:x>;tag=2\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n",
	}
	until, buf := time.Now().Add(25*time.Second), make([]byte, 2048)
	sent := 0
	for sent < 200_000 && time.Now().Before(until) {
		began := time.Now()
		for range 100 {
			b := buf[:0]
			if r.IntN(3) == 0 {
				for range r.IntN(1400) {
					b = append(b, byte(r.Uint32()))
				}
			} else {
				b = append(b, sound[r.IntN(len(sound))]...)
				b = mutate(r, b)
			}
			_, _ = socks[r.IntN(len(socks))].Write(b) // refused is what a port that is gone says
			sent++
		}
		time.Sleep(5*time.Millisecond - time.Since(began))
	}
	t.Logf("%d datagrams", sent)
	if sent < 100_000 {
		t.Errorf("only %d datagrams in the time given", sent)
	}
}

// mutate changes a few bytes, cuts, doubles or moves a part.
func mutate(r *rand.Rand, b []byte) []byte {
	for range 1 + r.IntN(4) {
		if len(b) == 0 {
			return b
		}
		i := r.IntN(len(b))
		switch r.IntN(6) {
		case 0:
			b[i] = byte(r.Uint32())
		case 1:
			b = b[:i]
		case 2:
			j := min(len(b), i+r.IntN(60))
			b = append(b[:i], b[j:]...)
		case 3:
			j := min(len(b), i+r.IntN(60), 1400)
			if j > i && len(b) < 1400 {
				b = append(b, b[i:j]...)
			}
		case 4:
			copy(b[i:], ";=\"<>,\r\n\x00%")
		default:
			b[i] ^= 1 << r.IntN(8)
		}
	}
	return b
}

// manySources sends garbage from 5,000 addresses: none may cost anything for
// long.
func manySources(t *testing.T, srv *lab.Server) {
	to := udpAddr(t, srv.SIP)
	for i := range 5000 {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 77, byte(i>>8), byte(i))}, to)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("\x00\x01rubbish"))
		_, _ = c.Write([]byte("REGISTER sip:x SIP/2.0\r\n\r\n"))
		_, _ = c.Write([]byte(strings.Replace(request("REGISTER", "", ""), "SIP/2.0/TCP", "SIP/2.0/UDP", 1)))
		_, _ = c.Write([]byte(strings.Replace(request("INVITE", "", ""), "SIP/2.0/TCP", "SIP/2.0/UDP", 1)))
		_ = c.Close()
		if i%10 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

func udpAddr(t *testing.T, s string) *net.UDPAddr {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp", s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
