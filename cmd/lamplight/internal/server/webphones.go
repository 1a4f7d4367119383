package server

import (
	"time"

	"lamplight/presence"
	"lamplight/web/api"
	"lamplight/webrtc"
	"lamplight/webrtc/media"
)

// webphones shows pages in the API's words; there are none before the web has started, or
// where it is off.
type webphones struct{ s *Server }

func (w webphones) Webphones(a presence.AgentID) []api.Webphone {
	if w.s.webphone == nil {
		return nil
	}
	var out []api.Webphone
	for _, i := range w.s.webphone.Sessions(a) {
		p := api.Webphone{
			ID: i.ID, Client: i.Client, Remote: i.Remote, Since: i.Since.UTC(), Heard: i.Heard.UTC(), Lead: i.Lead, Life: string(i.Life),
			Mic: string(i.Mic), Proven: i.Proven, Network: i.Network, Code: i.Code, Visible: i.Visible, Trip: millis(i.RTT), TestCall: i.TestCall,
		}
		for _, d := range i.Devices {
			p.Devices = append(p.Devices, api.WebphoneDevice(d))
		}
		for c := range i.Calls {
			p.Calls = append(p.Calls, pageCall(&i.Calls[c]))
		}
		out = append(out, p)
	}
	return out
}

func pageCall(c *webrtc.CallInfo) api.WebphoneCall {
	out := api.WebphoneCall{
		ID: c.ID, CallID: c.CallID, Out: c.Out, Number: c.Number, Name: c.Name, State: string(c.State), Held: c.Held, HeldFar: c.There,
		Muted: c.Muted, Warn: c.Warn, Why: c.Why, Status: c.Status, Began: c.Began.UTC(), Answered: c.Answered.UTC(), Ended: c.Ended.UTC(),
	}
	if s := c.Page; s != nil {
		out.Page = &api.PageFigures{
			At: c.PageAt.UTC(), Codec: s.Codec, Path: s.Path, RTT: s.RTT, Jitter: s.Jitter, Lost: s.Lost, LostThere: s.LostThere,
			Concealed: s.Concealed, Level: s.Level, Heard: s.Heard,
		}
	}
	if q := c.Gateway; q != nil {
		out.Gateway = &api.GatewayFigures{Page: sideFigures(&q[media.Browser]), Far: sideFigures(&q[media.Phone])}
	}
	return out
}

func sideFigures(q *media.Quality) api.SideFigures {
	return api.SideFigures{
		Codec: q.Codec, Packets: q.Packets, Lost: q.Lost, Sent: q.Sent, Jitter: millis(q.Jitter), RTT: millis(q.RTT),
		LostThere: q.LostThere, MOS: q.MOS, Strays: q.Strays, Refused: q.Refused,
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
