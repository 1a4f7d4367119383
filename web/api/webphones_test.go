package api

import (
	"testing"
	"time"

	"lamplight/presence"
)

// somePages has one page with a call.
type somePages struct{}

func (somePages) Webphones(presence.AgentID) []Webphone {
	at := time.Unix(2e9, 0).UTC()
	f := func(v float64) *float64 { return &v }
	return []Webphone{{
		ID: "w1", Client: "web", Remote: "192.0.2.7", Since: at, Heard: at, Lead: true, Life: "alive", Mic: "granted", Proven: true,
		Network: "proven", Code: "x", Visible: "hidden", Trip: 12.5, TestCall: "passed",
		Devices: []WebphoneDevice{{Kind: "input", Label: "Headset", Used: true}, {Kind: "output", Label: "Desk", Rings: true, Gone: true}},
		Calls: []WebphoneCall{{
			ID: "c1", CallID: "a@b", Out: true, Number: "+4930123", Name: "Anna", State: "ended", Held: true, HeldFar: true, Muted: true,
			Warn: "silent", Why: "far", Status: 200, Began: at, Answered: at, Ended: at,
			Page: &PageFigures{At: at, Codec: "PCMU", Path: "host/udp", RTT: f(20), Jitter: f(1), Lost: f(0), LostThere: f(0), Concealed: f(0), Level: f(0), Heard: f(1)},
			Gateway: &GatewayFigures{
				Page: SideFigures{Codec: "PCMU", Packets: 99, Lost: 1, Sent: 50, Jitter: 2, RTT: 20, LostThere: .1, MOS: 4.2, Strays: 1, Refused: 1},
			},
		}},
	}, {ID: "w2", Client: "desktop", Since: at, Life: "closed", Mic: "denied", Network: "untested"}}
}

func TestAgentsSeeTheirOwnWebphonesOnly(t *testing.T) {
	h := newHouse(t)
	agent, other, boss := h.login("1001"), h.login("1002"), h.login("1003")
	const path = "/agents/1001/webphones"
	for _, who := range []any{agent, boss, supervisor, admin} {
		r := h.ask(who, "GET", path, "").want(200)
		if r.get("webphones", 0, "calls", 0, "page", "rtt_ms") != 20.0 || r.get("webphones", 0, "calls", 0, "gateway", "page", "mos") != 4.2 {
			t.Errorf("%s", r.body)
		}
		if r.get("webphones", 0, "calls", 0, "page", "lost") != 0.0 { // none lost is a figure, too
			t.Errorf("%s", r.body)
		}
	}
	for _, who := range []any{other, reader} {
		h.ask(who, "GET", path, "").problem(403, "their own")
	}
	h.ask(elsewhere, "GET", path+"?domain=one.test", "").problem(403, "belongs to the domain")
	h = newHouse(t, func(o *Options) { o.Webphones = nil })
	h.ask(admin, "GET", path, "").problem(501, "no webphones")
}
