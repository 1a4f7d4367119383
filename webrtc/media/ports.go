package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// pair are the sockets of a call toward its phone.
type pair struct {
	rtp, rtcp *net.UDPConn
	port      uint16
}

func (p *pair) close() error { return errors.Join(p.rtp.Close(), p.rtcp.Close()) }

// ports hands out pairs. Which comes next cannot be foreseen at first, and then
// it is always the one that has rested longest.
type ports struct {
	addr netip.Addr
	rest time.Duration

	mu   sync.Mutex
	idle []resting // guarded by mu; the longest unused first
}

type resting struct {
	port  uint16
	since time.Time // zero: never used
}

func newPorts(addr netip.Addr, r [2]uint16, rest time.Duration) *ports {
	p := &ports{addr: addr, rest: rest}
	for port := int(r[0]) + int(r[0])%2; port < int(r[1]); port += 2 {
		p.idle = append(p.idle, resting{port: uint16(port)}) //nolint:gosec // a port
	}
	rand.Shuffle(len(p.idle), func(i, j int) { p.idle[i], p.idle[j] = p.idle[j], p.idle[i] })
	return p
}

// take binds a pair that has rested. Ports that others have are passed over.
func (p *ports) take(now time.Time) (*pair, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last error
	for range len(p.idle) {
		next := p.idle[0]
		if !next.since.IsZero() && now.Sub(next.since) < p.rest {
			break
		}
		p.idle = p.idle[1:]
		got, err := bind(p.addr, next.port)
		if err == nil {
			return got, nil
		}
		last = err
		p.idle = append(p.idle, next)
	}
	if last != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, last)
	}
	return nil, fmt.Errorf("%w: no RTP port is free", ErrBusy)
}

// give ends a pair, whose port rests from now on.
func (p *ports) give(got *pair, now time.Time) error {
	err := got.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, resting{got.port, now})
	return err
}

// free is how many could be taken.
func (p *ports) free(now time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.idle {
		if r.since.IsZero() || now.Sub(r.since) >= p.rest {
			n++
		}
	}
	return n
}

func bind(addr netip.Addr, port uint16) (*pair, error) {
	network := "udp4"
	if addr.Is6() { // and nothing of IPv4, which may have the same port
		network = "udp6"
	}
	rtp, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
	if err != nil {
		return nil, err
	}
	rtcp, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, port+1)))
	if err != nil {
		return nil, errors.Join(err, rtp.Close())
	}
	return &pair{rtp: rtp, rtcp: rtcp, port: port}, nil
}
