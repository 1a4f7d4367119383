package proxy

import (
	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/transaction"
)

// Turn is the group as a call from outside would find it now, and how many calls in a
// row each member has not taken. Nobody is offered anything.
func (p *Proxy) Turn(g *presence.Group) (call routing.GroupCall, missed map[presence.AgentID]int) {
	dom, ok := p.o.Directory.Domain(g.Domain)
	if !ok || p.o.Board == nil {
		return routing.GroupCall{Group: *g}, nil
	}
	x := &passage{p: p, req: &transaction.Request{Message: &message.Message{}}, c: caller{peer: &peers.Peer{}, domain: dom}}
	h := newHunting(x, g)
	h.mu.Lock()
	defer h.mu.Unlock()
	call, missed = h.questionLocked(), make(map[presence.AgentID]int)
	for i := range call.Members {
		a := call.Members[i].Agent
		if n := p.o.Board.Tally(g.ID, a, "").Missed; n > 0 {
			missed[a] = n
		}
	}
	return call, missed
}
