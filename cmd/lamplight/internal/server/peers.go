package server

import (
	"lamplight/cmd/lamplight/internal/config"
	"lamplight/sip/peers"
	"lamplight/sip/transport"
)

// neighbours is what the transaction and transport layers ask of the peers.
type neighbours struct {
	table peers.Table
	all   bool // sip.force_rport
}

func (s *Server) setPeers(cfg *config.Config) {
	s.neighbours.Store(&neighbours{table: cfg.PeerTable(), all: cfg.SIP.ForceRPort})
}

// forceRPort: answers to this sender follow its source, whatever its Via says.
func (s *Server) forceRPort(f *transport.Flow) bool {
	n := s.neighbours.Load()
	if n.all {
		return true
	}
	p, ok := n.table.Find(f.Neighbour(), f.Transport())
	return ok && p.ForceRPort
}

// believed: it is a neighbour whose word on who calls is taken.
func (s *Server) believed(f *transport.Flow) bool {
	p, ok := s.neighbours.Load().table.Find(f.Neighbour(), f.Transport())
	return ok && !p.Untrusted
}

// isPeer: it is a neighbour who sends, over a transport it is trusted on.
func (s *Server) isPeer(f *transport.Flow) bool {
	_, ok := s.neighbours.Load().table.Find(f.Neighbour(), f.Transport())
	return ok
}
