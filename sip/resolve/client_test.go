package resolve

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nameServer answers on loopback, by UDP and TCP, what reply says.
func nameServer(t *testing.T, reply func(q dnsmessage.Question, tcp bool, b *dnsmessage.Builder) dnsmessage.Header) netip.AddrPort {
	t.Helper()
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := lc.Listen(t.Context(), "tcp", pc.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	answer := func(b []byte, tcp bool) []byte {
		var p dnsmessage.Parser
		h, err := p.Start(b)
		if err != nil {
			return nil
		}
		q, _ := p.Question()
		body := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: h.ID, Response: true})
		_ = body.StartQuestions()
		_ = body.Question(q)
		_ = body.StartAnswers()
		head := reply(q, tcp, &body)
		out, err := body.Finish()
		if err != nil {
			t.Error(err)
			return nil
		}
		out[2] |= 1 << 1 * b2i(head.Truncated)
		out[3] |= byte(head.RCode)
		return out
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo([]byte("no answer at all"), from)
			if out := answer(b[:n], false); out != nil {
				wrong := append([]byte{out[0] ^ 1}, out[1:]...)
				_, _ = pc.WriteTo(wrong, from) // of another question
				_, _ = pc.WriteTo(out, from)
			}
		}
	})
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			_, _ = io.ReadFull(c, size[:])
			b := make([]byte, binary.BigEndian.Uint16(size[:]))
			_, _ = io.ReadFull(c, b)
			out := answer(b, true)
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
			c.Close()
		}
	})
	t.Cleanup(func() { pc.Close(); ln.Close(); wg.Wait() })
	return pc.LocalAddr().(*net.UDPAddr).AddrPort()
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func name(s string) dnsmessage.Name { return dnsmessage.MustNewName(s + ".") }

func TestClientReadsWhatNameServersSay(t *testing.T) {
	at := nameServer(t, func(q dnsmessage.Question, tcp bool, b *dnsmessage.Builder) (h dnsmessage.Header) {
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 90}
		switch strings.TrimSuffix(q.Name.String(), ".") {
		case "alias.test":
			_ = b.CNAMEResource(head, dnsmessage.CNAMEResource{CNAME: name("srv.test")})
			head.Name, head.TTL = name("srv.test"), 60
			_ = b.SRVResource(head, dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 3, Target: name("a.test")})
		case "naptr.test":
			_ = b.UnknownResource(head, dnsmessage.UnknownResource{Type: dnsmessage.Type(KindNAPTR),
				Data: []byte("\x00\x0a\x00\x14\x01s\x07SIP+D2U\x00\x04_sip\x04_udp\x04test\x00")})
		case "bad.test":
			_ = b.UnknownResource(head, dnsmessage.UnknownResource{Type: dnsmessage.Type(KindNAPTR), Data: []byte("\x00\x0a\x00\x14\x09s")})
		case "long.test":
			if h.Truncated = !tcp; tcp {
				_ = b.SRVResource(head, dnsmessage.SRVResource{Target: name("big.test")})
			}
		case "refused.test":
			h.RCode = dnsmessage.RCodeRefused
		case "none.test":
			h.RCode = dnsmessage.RCodeNameError
			_ = b.StartAuthorities()
			_ = b.SOAResource(head, dnsmessage.SOAResource{NS: name("ns.test"), MBox: name("m.test"), MinTTL: 42})
		}
		return h
	})
	dead := netip.MustParseAddrPort("127.0.0.1:1") // refuses at once
	c := Client{Servers: []netip.AddrPort{dead, at}}
	ask := func(name string, kind Kind) (Answer, error) { return c.Ask(t.Context(), name, kind) }
	if a, err := ask("alias.test", KindSRV); err != nil || len(a.SRV) != 1 || a.SRV[0] != (SRV{1, 2, 3, "a.test"}) || a.TTL != time.Minute {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := ask("naptr.test", KindNAPTR); err != nil || len(a.NAPTR) != 1 || a.NAPTR[0] != (NAPTR{10, 20, "s", "SIP+D2U", "", "_sip._udp.test"}) || a.TTL != 90*time.Second {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := ask("long.test", KindSRV); err != nil || len(a.SRV) != 1 || a.SRV[0].Target != "big.test" {
		t.Errorf("by TCP: %+v, %v", a, err)
	}
	if a, err := ask("none.test", KindSRV); err != nil || len(a.SRV) != 0 || a.TTL != 42*time.Second {
		t.Errorf("%+v, %v", a, err)
	}
	for _, bad := range []string{"bad.test", "refused.test", strings.Repeat("a", 300)} {
		if a, err := ask(bad, KindNAPTR); err == nil {
			t.Errorf("%q: %+v", bad, a)
		}
	}
}

func TestClientWaitsNoLongerThanItsContext(t *testing.T) {
	pc, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0") // says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = Client{Servers: []netip.AddrPort{pc.LocalAddr().(*net.UDPAddr).AddrPort()}}.Ask(ctx, "x.test", KindSRV)
	if took := time.Since(start); err == nil || took > time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

func TestNameServersOfTheSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# one\nsearch x.test\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver ::1\nnameserver 192.0.2.54\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := systemServers(path)
	if err != nil || len(got) != 3 || got[0].String() != "192.0.2.53:53" || got[2].String() != "[::1]:53" {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzReadAnswer(f *testing.F) {
	q, err := query(7, "x.test", KindNAPTR)
	if err != nil {
		f.Fatal(err)
	}
	b := append([]byte(nil), q...)
	b[2] |= 0x80
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _, _ = readAnswer(b, q, KindNAPTR)
		_, _, _ = readAnswer(b, q, KindSRV)
		_, _ = readNAPTR(b)
	})
}
