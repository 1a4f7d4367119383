package transport

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// pipeAddr is where the ends of pipes are: a prefix that nobody has on a network
// (RFC 6666), so that no rule for addresses takes an end for somebody else.
func pipeAddr(number uint64) netip.AddrPort {
	b := [16]byte{0: 1}
	for i := range 8 {
		b[15-i] = byte(number >> (8 * i))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(b), 0)
}

// Pipe joins two layers of this process by a stream in memory, and returns its end
// at each. Both are flows like any other, of the transport WSS: queued, bounded,
// in order, and closing one ends the other. What is sent is delivered on a
// goroutine of the sending layer.
func Pipe(a, b *Layer) (atA, atB *Flow, err error) {
	here, there := &pipeEnd{}, &pipeEnd{}
	atA, err = a.newPipeEnd(here)
	if err != nil {
		return nil, nil, err
	}
	atB, err = b.newPipeEnd(there)
	if err != nil {
		_ = atA.Close()
		return nil, nil, err
	}
	here.to.Store(atB) // nobody has either to send on before this
	there.to.Store(atA)
	return atA, atB, nil
}

func (l *Layer) newPipeEnd(p *pipeEnd) (*Flow, error) {
	at := pipeAddr(l.number.Add(1))
	f, err := l.newStream(&Flow{transport: WSS, remote: at, local: at}, p, false)
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	return f, nil
}

// pipeEnd is the connection of a stream whose peer is a flow of another layer.
type pipeEnd struct{ to atomic.Pointer[Flow] }

func (p *pipeEnd) writeAll(msgs [][]byte) error {
	to := p.to.Load()
	for _, m := range msgs {
		if to == nil || to.stream.ended() {
			return ErrFlowClosed
		}
		to.seen.Store(time.Now().UnixNano())
		_ = to.layer.deliver(m, func() *Flow { return to }) // what is no SIP is counted, and ends nothing
	}
	return nil
}

// Close ends the other end too.
func (p *pipeEnd) Close() error {
	if to := p.to.Load(); to != nil {
		to.stream.close(ErrFlowClosed)
	}
	return nil
}

func (s *stream) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Finish ends a stream once what waits to be sent has been; a UDP flow is merely
// forgotten.
func (f *Flow) Finish() {
	if f.packets != nil {
		f.layer.flows.drop(f)
		return
	}
	f.stream.finish(ErrFlowClosed)
}
