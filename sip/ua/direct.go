package ua

import (
	"fmt"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// Direct joins two phones without a proxy between them, as tests of what has a phone
// like it: each one's calls reach the other, whatever their address.
func Direct(a, b *Stack, oa, ob PhoneOptions) (pa, pb *Phone, err error) {
	fa, fb, err := transport.Pipe(a.tp, b.tp)
	if err != nil {
		return nil, nil, fmt.Errorf("ua: %w", err)
	}
	pa, pb = a.newPhone(oa), b.newPhone(ob)
	pa.flow, pa.there = fa, fb
	pb.flow, pb.there = fb, fa
	for _, p := range []*Phone{pa, pb} {
		if err := p.stack.enter(p); err != nil {
			return nil, nil, err
		}
	}
	return pa, pb, nil
}

func (s *Stack) newPhone(o PhoneOptions) *Phone {
	if o.Calls <= 0 {
		o.Calls = 8
	}
	// RFC 7118 §5.2: nobody can open a connection to it, so the host is no host.
	name := message.NewTag()
	return &Phone{stack: s, o: o, calls: make(map[callKey]*Call), contact: "sip:" + name + "@" + name + ".invalid;transport=ws"}
}

// enter makes the phone known by its own end of the flow.
func (s *Stack) enter(p *Phone) error {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.phones[p.flow] = p
	}
	s.mu.Unlock()
	if closed {
		_ = p.flow.Close()
		return ErrClosed
	}
	return nil
}
