package resolve

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Errors of asking.
var (
	errNoServer = errors.New("no name server is known")
	errReply    = errors.New("not an answer to what was asked")
)

const (
	// tryTime is how long one name server is waited for, tryRounds how often all of
	// them are asked: a lost packet costs two seconds.
	tryTime   = 2 * time.Second
	tryRounds = 2
	// datagram is the most that an answer by UDP may have (RFC 6891 §6.2.5); what
	// does not fit comes by TCP.
	datagram = 1232
	// maxRecords is how many records of an answer are read.
	maxRecords = 64
	// noSOA is how long it holds that there is none, where nothing else is said.
	noSOA = 30 * time.Second
)

// Client asks name servers by UDP, and by TCP what does not fit (RFC 7766). The
// zero value asks the system's (/etc/resolv.conf), which is read for every
// question. It keeps nothing: see Cache.
type Client struct {
	// Servers are asked in this order; nil: the system's.
	Servers []netip.AddrPort
}

// Ask is DNS's. A name that does not exist has none.
func (c Client) Ask(ctx context.Context, name string, kind Kind) (Answer, error) {
	servers := c.Servers
	if servers == nil {
		var err error
		if servers, err = systemServers("/etc/resolv.conf"); err != nil {
			return Answer{}, err
		}
	}
	if len(servers) == 0 {
		return Answer{}, errNoServer
	}
	var failed []error
	for range tryRounds {
		for _, s := range servers {
			a, err := ask(ctx, s, name, kind)
			if err == nil {
				return a, nil
			}
			failed = append(failed, fmt.Errorf("name server %s: %w", s, err))
			if ctx.Err() != nil {
				return Answer{}, errors.Join(failed...)
			}
		}
	}
	return Answer{}, errors.Join(failed...)
}

// systemServers reads the name servers of resolv.conf(5), at most three.
func systemServers(path string) ([]netip.AddrPort, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("name servers: %w", err)
	}
	defer f.Close()
	var out []netip.AddrPort
	for lines := bufio.NewScanner(f); lines.Scan() && len(out) < 3; {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil {
			out = append(out, netip.AddrPortFrom(a, 53))
		}
	}
	return out, nil
}

// ask asks one name server.
func ask(ctx context.Context, server netip.AddrPort, name string, kind Kind) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	id := uint16(rand.Uint32()) //nolint:gosec // with the port, as hard to guess as any resolver's
	q, err := query(id, name, kind)
	if err != nil {
		return Answer{}, err
	}
	a, cut, err := exchange(ctx, "udp", server, q, kind)
	if err == nil && cut {
		a, _, err = exchange(ctx, "tcp", server, q, kind)
	}
	return a, err
}

// query builds the question, with the room we have for the answer (RFC 6891).
func query(id uint16, name string, kind Kind) ([]byte, error) {
	n, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	b.EnableCompression()
	var opt dnsmessage.ResourceHeader
	err = errors.Join(
		b.StartQuestions(),
		b.Question(dnsmessage.Question{Name: n, Type: dnsmessage.Type(kind), Class: dnsmessage.ClassINET}),
		b.StartAdditionals(),
		opt.SetEDNS0(datagram, dnsmessage.RCodeSuccess, false),
		b.OPTResource(opt, dnsmessage.OPTResource{}),
	)
	if err != nil {
		return nil, fmt.Errorf("ask for %q: %w", name, err)
	}
	return b.Finish()
}

// exchange sends the question and waits for its answer; cut says that it did not
// fit. What is no answer to it is passed over: anybody can send that.
func exchange(ctx context.Context, network string, server netip.AddrPort, q []byte, kind Kind) (a Answer, cut bool, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return a, false, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		q2 := binary.BigEndian.AppendUint16(nil, uint16(len(q))) //nolint:gosec // a name has 255 bytes
		if _, err = c.Write(append(q2, q...)); err != nil {
			return a, false, err
		}
		var size [2]byte
		if _, err = io.ReadFull(c, size[:]); err != nil {
			return a, false, err
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err = io.ReadFull(c, b); err != nil {
			return a, false, err
		}
		return readAnswer(b, q, kind)
	}
	if _, err = c.Write(q); err != nil {
		return a, false, err
	}
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			return a, false, err
		}
		if a, cut, err = readAnswer(b[:n], q, kind); !errors.Is(err, errReply) {
			return a, cut, err
		}
	}
}

// readAnswer reads the answer to that question. Records of other names count, for
// the name may be another's alias.
func readAnswer(b, q []byte, kind Kind) (a Answer, cut bool, err error) {
	var p, asked dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response || len(q) < 2 || h.ID != binary.BigEndian.Uint16(q) {
		return a, false, errReply
	}
	if _, err = asked.Start(q); err != nil {
		return a, false, errReply
	}
	want, _ := asked.Question()
	if got, qerr := p.Question(); qerr != nil || got.Type != want.Type || !strings.EqualFold(got.Name.String(), want.Name.String()) {
		return a, false, errReply
	}
	if h.Truncated {
		return a, true, nil
	}
	if h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError {
		return a, false, fmt.Errorf("%s: %s", want.Name, h.RCode)
	}
	if err = p.SkipAllQuestions(); err != nil {
		return a, false, err
	}
	ttl := uint32(mostKept / time.Second)
	for range maxRecords {
		rh, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return a, false, err
		}
		ttl = min(ttl, rh.TTL)
		if err = a.take(&p, rh.Type, kind); err != nil {
			return a, false, err
		}
	}
	a.TTL = time.Duration(ttl) * time.Second
	if len(a.NAPTR)+len(a.SRV) == 0 {
		a.TTL = denied(&p)
	}
	return a, false, nil
}

// take reads one record, if it is of the kind that was asked for.
func (a *Answer) take(p *dnsmessage.Parser, t dnsmessage.Type, kind Kind) error {
	switch {
	case t != dnsmessage.Type(kind):
		return p.SkipAnswer()
	case kind == KindSRV:
		r, err := p.SRVResource()
		if err == nil {
			a.SRV = append(a.SRV, SRV{r.Priority, r.Weight, r.Port, strings.TrimSuffix(r.Target.String(), ".")})
		}
		return err
	}
	r, err := p.UnknownResource()
	if err != nil {
		return err
	}
	n, err := readNAPTR(r.Data)
	if err == nil {
		a.NAPTR = append(a.NAPTR, n)
	}
	return err
}

// denied is how long it holds that there is none (RFC 2308 §5): the lesser of the
// SOA's minimum and its own time to live.
func denied(p *dnsmessage.Parser) time.Duration {
	if p.SkipAllAnswers() != nil {
		return noSOA
	}
	for range maxRecords {
		h, err := p.AuthorityHeader()
		if err != nil {
			break
		}
		if h.Type != dnsmessage.TypeSOA {
			if p.SkipAuthority() != nil {
				break
			}
			continue
		}
		if soa, err := p.SOAResource(); err == nil {
			return time.Duration(min(soa.MinTTL, h.TTL)) * time.Second
		}
		break
	}
	return noSOA
}

// readNAPTR reads the data of a record (RFC 3403 §4.1); its name is never
// compressed (RFC 3597 §4).
func readNAPTR(b []byte) (n NAPTR, err error) {
	malformed := errors.New("malformed NAPTR record")
	if len(b) < 4 {
		return n, malformed
	}
	n.Order, n.Preference = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	text := func() (s string) {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			err = malformed
			return ""
		}
		s, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
		return s
	}
	n.Flags, n.Service, n.Regexp = text(), text(), text()
	var labels []string
	for err == nil {
		if len(b) > 0 && b[0] > 63 {
			return n, malformed
		}
		l := text()
		if l == "" {
			break
		}
		labels = append(labels, l)
	}
	n.Replacement = strings.Join(labels, ".")
	return n, err
}
