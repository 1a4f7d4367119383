package transport_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// pipeLayer notes what arrives and which flows end.
type pipeLayer struct {
	*transport.Layer
	mu    sync.Mutex
	heard []string
}

func newPipeLayer(t *testing.T) *pipeLayer {
	p := &pipeLayer{}
	p.Layer = transport.New(transport.Options{
		OnMessage:    func(f *transport.Flow, m *message.Message) { p.note(f.ID() + " " + m.CallID()) },
		OnFlowClosed: func(f *transport.Flow) { p.note(f.ID() + " closed") },
	})
	t.Cleanup(func() { p.Close() })
	return p
}

func (p *pipeLayer) note(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, s)
}

func (p *pipeLayer) said() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.heard, ", ")
}

func pipeMessage(id string) []byte {
	return message.NewRequest("OPTIONS", "sip:x@y").Via("SIP/2.0/WSS a.invalid;branch=z9hG4bK"+id).Add(message.From, "<sip:a@b>;tag=1").
		Add(message.To, "<sip:x@y>").Add(message.CallID, id).Add(message.CSeq, "1 OPTIONS").AddInt(message.MaxForwards, 70).Bytes()
}

func TestAPipeDeliversInOrderAndEndsAtBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipeLayer(t), newPipeLayer(t)
		fa, fb, err := transport.Pipe(a.Layer, b.Layer)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 100 {
			id := fmt.Sprint("call", i)
			want = append(want, fb.ID()+" "+id)
			if err := fa.Send(pipeMessage(id)); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.said(); got != strings.Join(want, ", ") {
			t.Errorf("arrived: %s", got)
		}
		if f, ok := b.FlowByID(fb.ID()); !ok || f != fb || !fb.Reliable() || fb.Transport() != transport.WSS {
			t.Errorf("the flow is not one like any other: %v %t", f, ok)
		}
		_ = fb.Send([]byte("this is no SIP"))
		_ = fb.Send(pipeMessage("last"))
		fb.Finish()
		if got := a.said(); got != fa.ID()+" last, "+fa.ID()+" closed" {
			t.Errorf("at the other end: %s", got)
		}
		if err := fa.Send(pipeMessage("late")); !errors.Is(err, transport.ErrFlowClosed) {
			t.Errorf("sent after the end: %v", err)
		}
		if _, ok := b.FlowByID(fb.ID()); ok {
			t.Error("the flow is still known")
		}
	})
}

func TestAPipeNeedsTwoOpenLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipeLayer(t), newPipeLayer(t)
		b.Close()
		if _, _, err := transport.Pipe(a.Layer, b.Layer); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("piped to a closed layer: %v", err)
		}
		if n := len(a.Flows()); n != 0 {
			t.Errorf("%d flows are left", n)
		}
	})
}
