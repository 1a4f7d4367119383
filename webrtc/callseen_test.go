package webrtc

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lamplight/webrtc/signalling"
)

// raw has the page send a text as it stands.
func (p *page) raw(text string) {
	_ = p.ws.Write(context.Background(), websocket.MessageText, []byte(text))
	synctest.Wait()
}

// info is the only session as diagnostics show it.
func (x *exchange) info() Info {
	x.t.Helper()
	synctest.Wait()
	list := x.srv.Sessions(x.agents[0].ID)
	if len(list) != 1 {
		x.t.Fatalf("%d sessions", len(list))
	}
	return list[0]
}

// refused is how often something was, for that reason.
func (x *exchange) refused(why string) float64 {
	var m dto.Metric
	if err := x.srv.m.refused.WithLabelValues(why).Write(&m); err != nil {
		x.t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// A supervisor sees how a call is and how it is heard, by both sides of the gateway and
// by the page; also after its end.
func TestACallIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		if got := x.info().Calls; len(got) != 0 {
			t.Fatalf("calls before there are any: %+v", got)
		}
		_, ring := x.calls(p)
		if got := x.info().Calls; len(got) != 1 || got[0].ID != ring.Call || got[0].State != signalling.CallRinging && got[0].State != signalling.CallDialling {
			t.Fatalf("before the page rings: %+v", got)
		}
		p.about(signalling.RingAck, ring.Call)
		p.about(signalling.Answer, ring.Call, answer)
		p.about(signalling.Accept, ring.Call)
		p.about(signalling.Mute, ring.Call, on)
		p.raw(`{"t":"stats","call":"` + ring.Call + `","stats":{"codec":"PCMU","path":"host/udp","rtt":20,"jitter":2,"lost":0.25}}`)
		got := x.info().Calls[0]
		if got.State != signalling.CallTalking || !got.Muted || got.Number != "+4930123" || got.CallID == "" || got.Answered.IsZero() {
			t.Errorf("talking: %+v", got)
		}
		if got.Page == nil || *got.Page.RTT != 20 || *got.Page.Lost != .25 || got.Page.Codec != "PCMU" || got.PageAt.IsZero() {
			t.Errorf("what the page measured: %+v", got.Page)
		}
		if got.Gateway == nil || got.Gateway[0].Lost != 1 || got.Gateway[1].Packets != 50 {
			t.Errorf("what the gateway measured: %+v", got.Gateway)
		}
		time.Sleep(5 * time.Second)
		p.raw(`{"t":"stats","call":"` + ring.Call + `","stats":{"rtt":40}}`)
		p.about(signalling.Hangup, ring.Call)
		got = x.info().Calls[0]
		if got.State != signalling.CallOver || got.Why != signalling.WhyHungUp || got.Ended.Sub(got.Answered) < 5*time.Second || *got.Page.RTT != 40 {
			t.Errorf("after its end: %+v", got)
		}
		reg := prometheus.NewRegistry()
		reg.MustRegister(x.srv.m.callLost)
		if f, err := reg.Gather(); err != nil || len(f) != 1 || len(f[0].GetMetric()) != 3 {
			t.Errorf("losses of %v ways are counted, want 3 (%v)", f, err)
		}
	})
}

// Of the calls that are over the last few are known.
func TestPastCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		for range maxPast + 3 {
			u, ring := x.calls(p)
			p.about(signalling.RingAck, ring.Call)
			p.about(signalling.Reject, ring.Call)
			_ = u
			time.Sleep(time.Second)
		}
		if got := x.info().Calls; len(got) != maxPast || !got[0].Began.Before(got[1].Began) {
			t.Errorf("%d calls are known", len(got))
		}
	})
}

// A page that makes up figures, or sends them without end, changes nothing but counters;
// its call goes on.
func TestHostileFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		for _, stats := range []string{
			`{"rtt":-1}`, `{"rtt":1e300}`, `{"jitter":60001}`, `{"lost":1.5}`, `{"lost_there":-0.1}`, `{"level":7}`,
			`{"heard":1e9}`, `{"concealed":2}`, `{"codec":"a\nb"}`, `{"path":"<script>"}`,
		} {
			p.raw(`{"t":"stats","call":"` + id + `","stats":` + stats + `}`)
			time.Sleep(time.Second)
		}
		if got := x.info().Calls[0]; got.Page != nil {
			t.Errorf("believed: %+v", got.Page)
		}
		if n := x.refused("bad-stats"); n != 10 {
			t.Errorf("%v refused, want 10", n)
		}
		for range 30 { // at once
			p.raw(`{"t":"stats","call":"` + id + `","stats":{"rtt":1}}`)
		}
		if n := x.refused("stats-rate"); n != 29 {
			t.Errorf("%v came too soon, want 29", n)
		}
		p.raw(`{"t":"stats","call":"not-mine","stats":{"rtt":1}}`)
		if got := p.told(); got.Call != id || got.State != signalling.CallTalking {
			t.Errorf("told %+v", got)
		}
		time.Sleep(5 * time.Second)
		p.raw(`{"t":"stats","call":"` + id + `","stats":{"rtt":NaN}}`)
		if c := p.gone(); c != websocket.StatusPolicyViolation {
			t.Errorf("not JSON: close code %d", c)
		}
	})
}

// The devices are what the page said last, and their names are plain.
func TestDevicesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		p.raw(`{"t":"devices","devices":[{"kind":"input","label":"Old"}]}`)
		p.raw(`{"t":"devices","devices":[{"kind":"input","label":"Head\u0007set","used":true},{"kind":"output","label":"Desk","rings":true,"gone":true}]}`)
		got := x.info().Devices
		if len(got) != 2 || got[0] != (signalling.Device{Kind: "input", Label: "Head set", Used: true}) || !got[1].Rings || !got[1].Gone {
			t.Errorf("%+v", got)
		}
		p.raw(`{"t":"devices","devices":[` + strings.TrimSuffix(strings.Repeat(`{"kind":"input","label":"x"},`, signalling.MaxDevices+1), ",") + `]}`)
		if c := p.gone(); c != websocket.StatusPolicyViolation {
			t.Errorf("too many devices: close code %d", c)
		}
	})
}
