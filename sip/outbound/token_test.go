package outbound

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// place is a transport with one listener of each kind, and the flows of who has
// sent something.
type place struct {
	*transport.Layer
	flows chan *transport.Flow
}

func at(t *testing.T, n *siptest.Net, addr string, f func(*place)) {
	t.Helper()
	p := &place{flows: make(chan *transport.Flow, 8)}
	p.Layer = transport.New(transport.Options{OnMessage: func(f *transport.Flow, _ *message.Message) { p.flows <- f }})
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() { _ = p.ServePacket(ctx, n.ListenPacket(addr)) })
	served.Go(func() { _ = p.ServeStream(ctx, n.Listen(addr), transport.TCP) })
	synctest.Wait()
	f(p)
	cancel()
	served.Wait()
	p.Close()
}

const server = "10.0.0.1:5060"

func (p *place) heard(peer *siptest.Peer) *transport.Flow {
	peer.Send(peer.Request("OPTIONS", "sip:10.0.0.1", "sip:a@b", ""))
	return <-p.flows
}

func TestTokenFindsItsFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewNet()
		at(t, n, server, func(p *place) {
			tokens := New(p, []byte("secret"))
			stream := siptest.NewStreamPeer(t, n, "10.0.0.3:4000", server)
			tcp, udp := p.heard(stream), p.heard(siptest.NewPeer(t, n, "10.0.0.2:5060", server))
			for name, f := range map[string]*transport.Flow{"stream": tcp, "datagrams": udp} {
				token := tokens.Token(f)
				if got, err := tokens.Flow(token); got != f || err != nil {
					t.Errorf("%s: %v, %v", name, got, err)
				}
				if !regexp.MustCompile(`^[0-9a-v]{20,100}$`).MatchString(token) {
					t.Errorf("%s: token %q", name, token)
				}
			}
			token := tokens.Token(tcp)
			stream.Close()
			synctest.Wait()
			if _, err := tokens.Flow(token); !errors.Is(err, ErrFlowFailed) {
				t.Errorf("of a stream that ended: %v", err)
			}
		})
	})
}

// A token leads to where the owner of an ended stream is now, how often he moves.
func TestTokenFollowsWhoMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewNet()
		at(t, n, server, func(p *place) {
			tokens := New(p, []byte("secret"))
			var peers [3]*siptest.Peer
			var flows [3]*transport.Flow
			for i := range peers {
				peers[i] = siptest.NewStreamPeer(t, n, fmt.Sprintf("10.0.0.%d:4000", 3+i), server)
				flows[i] = p.heard(peers[i])
			}
			token := tokens.Token(flows[0])
			for i := range 2 {
				peers[i].Close()
				synctest.Wait()
				if _, err := tokens.Flow(token); !errors.Is(err, ErrFlowFailed) {
					t.Errorf("before he is back: %v", err)
				}
				tokens.Moved(flows[i], flows[i+1])
				if got, err := tokens.Flow(token); got != flows[i+1] || err != nil {
					t.Errorf("after move %d: %v, %v", i+1, got, err)
				}
			}
		})
	})
}

func TestForgedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewNet()
		at(t, n, server, func(p *place) {
			tokens := New(p, []byte("secret"))
			token := tokens.Token(p.heard(siptest.NewPeer(t, n, "10.0.0.2:5060", server)))
			bad := []string{"", "1001", "f", strings.Repeat("0", 40), strings.Repeat("v", 5000), token[:len(token)-1], token + "0", strings.ToUpper(token), New(p, []byte("other")).Token(mustFlow(t, tokens, token))}
			for i := range token {
				c := byte('0')
				if token[i] == c {
					c = '1'
				}
				bad = append(bad, token[:i]+string(c)+token[i+1:])
			}
			for _, b := range bad {
				if f, err := tokens.Flow(b); !errors.Is(err, ErrNoToken) {
					t.Errorf("%q: %v, %v", b, f, err)
				}
			}
		})
	})
}

func mustFlow(t *testing.T, tokens *Tokens, token string) *transport.Flow {
	t.Helper()
	f, err := tokens.Flow(token)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTokensAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewNet()
		var udp, tcp string
		at(t, n, server, func(p *place) {
			tokens := New(p, []byte("secret"))
			udp, tcp = tokens.Token(p.heard(siptest.NewPeer(t, n, "10.0.0.2:5060", server))), tokens.Token(p.heard(siptest.NewStreamPeer(t, n, "10.0.0.3:4000", server)))
		})
		at(t, n, server, func(p *place) {
			tokens := New(p, []byte("secret"))
			p.heard(siptest.NewStreamPeer(t, n, "10.0.0.4:4000", server)) // may have the number of the old one
			if f, err := tokens.Flow(udp); err != nil || f.Remote().String() != "10.0.0.2:5060" {
				t.Errorf("datagrams: %v, %v", f, err)
			}
			if f, err := tokens.Flow(tcp); !errors.Is(err, ErrFlowFailed) {
				t.Errorf("a stream of before: %v, %v", f, err)
			}
		})
		at(t, n, "10.0.0.7:5060", func(p *place) {
			if f, err := New(p, []byte("secret")).Flow(udp); !errors.Is(err, ErrFlowFailed) {
				t.Errorf("at another address: %v, %v", f, err)
			}
		})
	})
}
