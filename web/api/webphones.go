package api

import (
	"net/http"
	"time"

	"lamplight/presence"
)

// Webphone is a page of an agent as the server has it.
type Webphone struct {
	ID       string    `json:"id"`
	Client   string    `json:"client"` // web or desktop
	Remote   string    `json:"remote,omitempty"`
	Since    time.Time `json:"since"`
	Heard    time.Time `json:"heard,omitzero"`
	Lead     bool      `json:"lead"` // rings
	Life     string    `json:"life"`
	Mic      string    `json:"mic"`
	Proven   bool      `json:"proven"`
	Network  string    `json:"network"`
	Code     string    `json:"code,omitempty"`
	Visible  string    `json:"visible,omitempty"`
	Trip     float64   `json:"round_trip_ms,omitempty"`
	TestCall string    `json:"test_call,omitempty"`

	Devices []WebphoneDevice `json:"devices"`
	Calls   []WebphoneCall   `json:"calls"`
}

// WebphoneDevice is what a page can hear or sound by, by its own word.
type WebphoneDevice struct {
	Kind  string `json:"kind"` // input or output
	Label string `json:"label"`
	Used  bool   `json:"used,omitempty"`
	Rings bool   `json:"rings,omitempty"`
	Gone  bool   `json:"gone,omitempty"`
}

// WebphoneCall is a call of a page: one that goes on, or one of the last that are over.
type WebphoneCall struct {
	ID       string    `json:"id"`
	CallID   string    `json:"call_id,omitempty"`
	Out      bool      `json:"out"`
	Number   string    `json:"number,omitempty"`
	Name     string    `json:"name,omitempty"`
	State    string    `json:"state"`
	Held     bool      `json:"held,omitempty"`
	HeldFar  bool      `json:"held_far,omitempty"`
	Muted    bool      `json:"muted,omitempty"`
	Warn     string    `json:"warn,omitempty"`
	Why      string    `json:"why,omitempty"`
	Status   int       `json:"status,omitempty"`
	Began    time.Time `json:"began"`
	Answered time.Time `json:"answered,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`

	Page    *PageFigures    `json:"page,omitempty"`
	Gateway *GatewayFigures `json:"gateway,omitempty"`
}

// PageFigures are what the page measured last.
type PageFigures struct {
	At        time.Time `json:"at"`
	Codec     string    `json:"codec,omitempty"`
	Path      string    `json:"path,omitempty"`
	RTT       *float64  `json:"rtt_ms,omitempty"`
	Jitter    *float64  `json:"jitter_ms,omitempty"`
	Lost      *float64  `json:"lost,omitempty"`
	LostThere *float64  `json:"lost_there,omitempty"`
	Concealed *float64  `json:"concealed,omitempty"`
	Level     *float64  `json:"level,omitempty"`
	Heard     *float64  `json:"heard,omitempty"`
}

// GatewayFigures are what the gateway measured of the page and of the other side.
type GatewayFigures struct {
	Page SideFigures `json:"page"`
	Far  SideFigures `json:"far"`
}

// SideFigures are those of one side, since the call began.
type SideFigures struct {
	Codec     string  `json:"codec,omitempty"`
	Packets   uint64  `json:"packets"`
	Lost      uint64  `json:"lost"`
	Sent      uint64  `json:"sent"`
	Jitter    float64 `json:"jitter_ms"`
	RTT       float64 `json:"rtt_ms,omitempty"`
	LostThere float64 `json:"lost_there,omitempty"`
	MOS       float64 `json:"mos,omitempty"`
	Strays    uint64  `json:"strays,omitempty"`
	Refused   uint64  `json:"refused,omitempty"`
}

// Webphones tells of an agent's pages, oldest first.
type Webphones interface {
	Webphones(presence.AgentID) []Webphone
}

// listWebphones shows an agent's pages, their devices, and their calls with how they
// are heard.
func (a *API) listWebphones(r *request) error {
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	switch {
	case !r.subject.SeesAll(agent.ID):
		return forbidden("%s may see their own webphones only", r.subject.Actor())
	case a.o.Webphones == nil:
		return problem(http.StatusNotImplemented, "no webphones are served here")
	}
	list := a.o.Webphones.Webphones(agent.ID)
	for i := range list {
		list[i].Devices, list[i].Calls = noNil(list[i].Devices), noNil(list[i].Calls)
	}
	return page(r, "webphones", list, "")
}
