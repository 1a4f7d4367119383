package sip

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

const (
	here  = "10.0.0.1:5060"
	there = "10.0.0.2:5060"
)

// owner answers with a header that says who it is.
func owner(name string) transaction.Handler {
	return transaction.HandlerFunc(func(r *transaction.Request) {
		r.Reply(200, message.Header{Name: message.Server, Value: name})
	})
}

func TestEachMethodHasOneOwner(t *testing.T) {
	for name, c := range map[string]struct {
		method  string
		require string
		status  int
		header  message.Name
		value   string
	}{
		"REGISTER":                {method: "REGISTER", status: 200, header: message.Server, value: "registrar"},
		"SUBSCRIBE":               {method: "SUBSCRIBE", status: 200, header: message.Server, value: "events"},
		"PUBLISH":                 {method: "PUBLISH", status: 200, header: message.Server, value: "events"},
		"NOTIFY":                  {method: "NOTIFY", status: 200, header: message.Server, value: "events"},
		"OPTIONS":                 {method: "OPTIONS", status: 200, header: message.AllowEvents, value: "dialog"},
		"OPTIONS with extensions": {method: "OPTIONS", require: "100rel", status: 420, header: message.Unsupported, value: "100rel"},
		"MESSAGE":                 {method: "MESSAGE", status: 200, header: message.Server, value: "proxy"},
		"a method of nobody":      {method: "DANCE", status: 405, header: message.Allow, value: Methods},
		"methods have one case":   {method: "register", status: 405, header: message.Allow, value: Methods},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := siptest.NewNet()
				tp := transport.New(transport.Options{})
				l := transaction.New(transaction.Options{Transport: tp, Handler: &Endpoint{
					Registrar: owner("registrar"), Events: owner("events"), Proxy: owner("proxy"), AllowEvents: "dialog",
				}})
				ctx, cancel := context.WithCancel(t.Context())
				var serving sync.WaitGroup
				serving.Go(func() { _ = tp.ServePacket(ctx, n.ListenPacket(here)) })
				synctest.Wait()
				p := siptest.NewPeer(t, n, there, here)
				b := p.Request(c.method, "sip:"+here, "sip:a@x.test", "sip:b@x.test")
				if c.require != "" {
					b.Add(message.Require, c.require)
				}
				res := p.Do(b)
				if res.Status != c.status || res.Get(c.header) != c.value {
					t.Errorf("%d, %s: %q", res.Status, c.header, res.Get(c.header))
				}
				p.Close()
				cancel()
				serving.Wait()
				_ = tp.Close()
				_ = l.Close()
			})
		})
	}
}
