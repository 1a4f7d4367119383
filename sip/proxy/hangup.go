package proxy

import (
	"context"
	"strconv"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/proxy/anchor"
	"lamplight/sip/proxy/calls"
)

// hangUpWithin bounds the search for the flow to one side.
const hangUpWithin = 2 * time.Second

// HangUp ends a call both ways that has lost its audio: callee and caller are the dialog
// as each knows it. We are no side of it, so each is sent the other's BYE, under the
// number after the last that the other has used. It does not block.
func (p *Proxy) HangUp(l anchor.Lost, callee, caller calls.Dialog) { //nolint:gocritic // copies for two goroutines
	for _, s := range []struct {
		d        *calls.Dialog
		from, to string
		seq      uint32
	}{{&callee, l.Caller, l.Callee, l.CallerSeq}, {&caller, l.Callee, l.Caller, l.CalleeSeq}} {
		p.o.Carrier.Forker.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), hangUpWithin)
			defer cancel()
			f, err := p.EndOf(ctx, s.d)
			if err != nil { // who cannot be reached has left
				p.o.Log.Info().Err(err).Str("call_id", s.d.CallID).Msg("one side of a lost call is not there to be hung up")
				return
			}
			b := message.NewRequest("BYE", s.d.End.Contact)
			for _, r := range s.d.End.Route {
				b.Add(message.Route, r)
			}
			b.Add(message.MaxForwards, "70").Add(message.From, s.from).Add(message.To, s.to).Add(message.CallID, s.d.CallID).
				Add(message.CSeq, strconv.FormatUint(uint64(s.seq), 10)+" BYE").Add(message.Reason, `SIP;cause=408;text="No Audio"`)
			p.o.Carrier.Send(f, b, func(*message.Message, error) {})
		})
	}
}
