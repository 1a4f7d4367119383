package webrtc

import (
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/webrtc/signalling"
)

// Info is a session as diagnostics show it.
type Info struct {
	ID       string                `json:"id"`
	Agent    presence.AgentID      `json:"agent"`
	Client   string                `json:"client"`
	Tab      string                `json:"tab"`
	Remote   string                `json:"remote,omitempty"` // empty while the page is away
	Since    time.Time             `json:"since"`
	Lead     bool                  `json:"lead"`
	Life     presence.SessionState `json:"life"`
	Mic      presence.Mic          `json:"mic"`
	Proven   bool                  `json:"proven"`
	Network  string                `json:"network"`
	Code     string                `json:"code,omitempty"`
	Visible  string                `json:"visible,omitempty"`
	Heard    time.Time             `json:"heard"`
	RTT      time.Duration         `json:"rtt"`
	TestCall string                `json:"test_call,omitempty"` // outcome of the last one

	Devices []signalling.Device `json:"devices,omitempty"`
	// Calls that go on, oldest first, and before them those that are over and still known.
	Calls []CallInfo `json:"calls,omitempty"`
}

// Sessions lists an agent's webphone sessions, oldest first.
func (s *Server) Sessions(a presence.AgentID) []Info {
	s.mu.RLock()
	st := s.seats[a]
	s.mu.RUnlock()
	if st == nil {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	list := make([]Info, 0, len(st.sessions))
	for _, x := range st.sessions {
		v := x.mic.Verdict()
		i := Info{
			ID: x.id, Agent: st.agent, Client: x.client, Tab: x.tab, Since: x.since, Lead: x.leads(),
			Life: x.life, Mic: v.Mic, Proven: v.Proven, Network: x.network(v), Code: v.Code,
			Visible: x.visible, Heard: x.pulse.Heard(), RTT: x.rtt, TestCall: string(x.proof.last.Outcome),
			Devices: x.devices, Calls: x.callInfos(),
		}
		if x.link != nil {
			i.Remote = x.link.remote.String()
		}
		list = append(list, i)
	}
	return list
}

// callInfos are the session's calls; the seat is locked.
func (x *session) callInfos() []CallInfo {
	list := make([]CallInfo, 0, len(x.calls))
	for _, c := range x.calls {
		list = append(list, c.seen.now())
	}
	slices.SortFunc(list, func(a, b CallInfo) int { return a.Began.Compare(b.Began) })
	return append(slices.Clone(x.past), list...)
}
