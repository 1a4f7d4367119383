package webrtc

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"lamplight/webrtc/signalling"
)

// log is what was written to it so far.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Whatever a hostile page is refused for is counted under its reason and leaves a line in
// the log that says who and why; and no line has a secret of anybody's in it.
func TestWhatAHostilePageDoesIsLoggedAndCounted(t *testing.T) {
	const secret = "a-ticket-that-nobody-else-may-read"
	text := func(p *page, s string) { _ = p.ws.Write(context.Background(), websocket.MessageText, []byte(s)) }
	tests := map[string]struct {
		do        func(l *lab, p *page)
		why, line string
	}{
		"wrong origin": {func(l *lab, _ *page) {
			if _, resp, err := l.dial(http.Header{"Origin": {"https://evil.test"}}, signalling.Subprotocol); err == nil || resp.StatusCode != http.StatusForbidden {
				l.t.Errorf("%v %v", resp, err)
			}
		}, "origin", `"origin":"https://evil.test"`},
		"a ticket once more": {func(l *lab, _ *page) { l.open(signalling.In{Ticket: secret}).gone() }, "ticket", `"why":"ticket"`},
		"a resume token once more": {func(l *lab, p *page) {
			old := p.greeting().Resume
			l.open(signalling.In{Resume: old})
			synctest.Wait()
			l.open(signalling.In{Resume: old})
		}, "resume", `"why":"resume"`},
		"flood": {func(_ *lab, p *page) {
			for range 100 {
				p.say(signalling.In{T: signalling.Lead})
			}
		}, "rate", `"why":"too many messages"`},
		"an oversized SDP": {func(_ *lab, p *page) {
			text(p, `{"t":"offer","call":"x","sdp":"`+strings.Repeat("a", signalling.MaxSDP+1)+`"}`)
		}, "invalid", "sdp of 65537 bytes"},
		"an oversized message": {func(_ *lab, p *page) { text(p, strings.Repeat("a", 2*signalling.MaxMessage)) }, "too-big", "webphone closed"},
		"an oversized hello": {func(l *lab, _ *page) {
			l.open(signalling.In{Ticket: strings.Repeat("a", 2*signalling.MaxHello)})
		}, "too-big", "too much for a hello"},
		"a call of somebody else": {func(_ *lab, p *page) { p.say(signalling.In{T: signalling.Hangup, Call: "theirs"}) }, "stray-call", `"call":"theirs"`},
		"nothing at all": {func(l *lab, _ *page) {
			ws, _, err := l.dial(nil, signalling.Subprotocol)
			if err != nil {
				l.t.Fatal(err)
			}
			time.Sleep(6 * time.Second)
			_ = ws.CloseNow()
		}, "no-hello", "no hello in time"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var said log
			o := trusting()
			o.Log = zerolog.New(&said).Level(zerolog.InfoLevel)
			bubble(t, o, func(t *testing.T, l *lab) {
				p := l.login(secret)
				synctest.Wait()
				token := p.greeting().Resume
				tt.do(l, p)
				synctest.Wait()
				var m dto.Metric
				if err := l.srv.m.refused.WithLabelValues(tt.why).Write(&m); err != nil || m.GetCounter().GetValue() != 1 {
					t.Errorf("counted %v times, %v", m.GetCounter().GetValue(), err)
				}
				got := said.String()
				if !strings.Contains(got, tt.line) {
					t.Errorf("the log has no %s:\n%s", tt.line, got)
				}
				if token == "" || strings.Contains(got, token) || strings.Contains(got, secret) {
					t.Errorf("the log has a secret:\n%s", got)
				}
			})
		})
	}
}
