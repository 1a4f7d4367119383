package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "secret-device-token"

// service is a push service over HTTPS that answers as it is told.
type service struct {
	*httptest.Server
	mu   sync.Mutex
	got  []*http.Request // mu
	body []string        // mu
}

func newService(t *testing.T, answer func(n int, w http.ResponseWriter)) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.got, s.body = append(s.got, r), append(s.body, string(b))
		n := len(s.got)
		s.mu.Unlock()
		answer(n, w)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) requests() ([]*http.Request, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got, s.body
}

func status(code int) func(int, http.ResponseWriter) {
	return func(_ int, w http.ResponseWriter) { w.WriteHeader(code) }
}

func newGateway(t *testing.T, o Options) *Gateway {
	t.Helper()
	g, err := NewGateway(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func (s *service) gateway(t *testing.T, p Provider) *Gateway {
	t.Helper()
	p.URL = s.URL + strings.TrimPrefix(p.URL, "https://h")
	return newGateway(t, Options{Services: Services{Providers: []Provider{p}}, Transport: s.Client().Transport})
}

func call(provider, param string, wait time.Duration) Message {
	return Message{Target: Target{provider, secret, param}, Account: "1001@demo.test", Call: "c1", Until: time.Now().Add(wait)}
}

// send waits for the outcome.
func send(g *Gateway, m Message) error {
	done := make(chan error, 1)
	g.Send(m, func(err error) { done <- err })
	return <-done
}

func TestAGatewayOfOnesOwnEndsATokenBy404(t *testing.T) {
	s := newService(t, status(404))
	if err := send(s.gateway(t, Provider{Name: "acme", URL: "https://h/"}), call("acme", "", 8*time.Second)); !errors.Is(err, ErrGone) {
		t.Errorf("%v", err)
	}
}

func TestApplePush(t *testing.T) {
	s := newService(t, status(200))
	g := s.gateway(t, Provider{Name: "apns", URL: "https://h/3/device/{prid}", Token: "bearer"})
	m := call("apns", "DEF123GHIJ.com.example.app.voip", 8*time.Second)
	if err := send(g, m); err != nil {
		t.Fatal(err)
	}
	reqs, bodies := s.requests()
	r := reqs[0]
	if r.Method != "POST" || r.URL.Path != "/3/device/"+secret {
		t.Errorf("%s %s", r.Method, r.URL.Path)
	}
	for name, want := range map[string]string{
		"apns-topic": "com.example.app.voip", "apns-push-type": "voip", "apns-priority": "10", "apns-collapse-id": "call",
		"apns-expiration": fmt.Sprint(m.Until.Unix()), "authorization": "Bearer bearer",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if want := `{"aps":{},"event":"call","account":"1001@demo.test","call":"c1"}`; bodies[0] != want {
		t.Errorf("body %s", bodies[0])
	}
}

// Apple ends apps that get a VoIP push without a call, so there is none.
func TestRefreshGoesQuietlyOrNotAtAll(t *testing.T) {
	s := newService(t, status(200))
	g := s.gateway(t, Provider{Name: "apns", URL: "https://h/3/device/{prid}"})
	m := call("apns", "DEF123GHIJ.com.example.app.voip", time.Minute)
	m.Refresh, m.Call = true, ""
	if err := send(g, m); !errors.Is(err, ErrRefused) {
		t.Errorf("a VoIP push without a call: %v", err)
	}
	m.PRID, m.Param = "t1:voip&t2:remote", "DEF123GHIJ.com.example.app.voip&remote"
	if err := send(g, m); err != nil {
		t.Fatal(err)
	}
	reqs, bodies := s.requests()
	h := reqs[0].Header
	if len(reqs) != 1 || reqs[0].URL.Path != "/3/device/t2" || h.Get("apns-push-type") != "background" || h.Get("apns-priority") != "5" || h.Get("apns-topic") != "com.example.app" {
		t.Errorf("%s %v", reqs[0].URL.Path, h)
	}
	if want := `{"aps":{"content-available":1},"event":"register","account":"1001@demo.test"}`; bodies[0] != want {
		t.Errorf("body %s", bodies[0])
	}
}

func TestFirebasePush(t *testing.T) {
	s := newService(t, status(200))
	g := s.gateway(t, Provider{Name: "fcm", URL: "https://h/v1/projects/{param}/messages:send"})
	if err := send(g, call("fcm", "my/project", 8*time.Second)); err != nil {
		t.Fatal(err)
	}
	reqs, bodies := s.requests()
	if got := reqs[0].URL.EscapedPath(); got != "/v1/projects/my%2Fproject/messages:send" {
		t.Errorf("path %s", got)
	}
	want := `{"message":{"token":"` + secret + `","data":{"event":"call","account":"1001@demo.test","call":"c1"},"android":{"priority":"HIGH","ttl":"8s","collapse_key":"call"}}}`
	if bodies[0] != want {
		t.Errorf("body %s\nwant %s", bodies[0], want)
	}
}

func TestPlainPush(t *testing.T) {
	s := newService(t, status(202))
	g := s.gateway(t, Provider{Name: "webpush", URL: "https://h/wake", Headers: map[string]string{"X-Key": "k"}})
	if err := send(g, call("webpush", "", 8*time.Second)); err != nil {
		t.Fatal(err)
	}
	reqs, bodies := s.requests()
	var got map[string]any
	if err := json.Unmarshal([]byte(bodies[0]), &got); err != nil {
		t.Fatal(err)
	}
	if reqs[0].Header.Get("X-Key") != "k" || got["provider"] != "webpush" || got["prid"] != secret || got["priority"] != "high" || got["ttl"] != 8.0 || got["collapse_id"] != "call" {
		t.Errorf("%v %v", reqs[0].Header, got)
	}
}

func TestWhatTheServiceAnswers(t *testing.T) {
	answer := func(code int, body string) func(int, http.ResponseWriter) {
		return func(_ int, w http.ResponseWriter) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, tc := range map[string]struct {
		answer func(int, http.ResponseWriter)
		want   error
		tries  int
	}{
		"taken":                    {answer(200, ""), nil, 1},
		"410":                      {answer(410, `{"reason":"Unregistered","timestamp":1}`), ErrGone, 1},
		"404, a wrong project":     {answer(404, `{"error":{"status":"NOT_FOUND"}}`), ErrRefused, 1},
		"404, Apple's bad path":    {answer(404, `{"reason":"BadPath"}`), ErrRefused, 1},
		"404, unregistered":        {answer(404, `{"error":{"status":"NOT_FOUND","details":[{"errorCode":"UNREGISTERED"}]}}`), ErrGone, 1},
		"Apple's bad token":        {answer(400, `{"reason":"BadDeviceToken"}`), ErrGone, 1},
		"Firebase's unregistered":  {answer(400, `{"error":{"status":"INVALID_ARGUMENT","details":[{},{"errorCode":"UNREGISTERED"}]}}`), ErrGone, 1},
		"bad request":              {answer(400, `{"reason":"BadTopic"}`), ErrRefused, 1},
		"a redirect":               {answer(302, ""), ErrRefused, 1},
		"500, then taken":          {func(n int, w http.ResponseWriter) { w.WriteHeader(map[bool]int{true: 500, false: 200}[n == 1]) }, nil, 2},
		"500 for good":             {answer(500, "<html>"), errAny, 3},
		"429 with too long a wait": {func(_ int, w http.ResponseWriter) { w.Header().Set("Retry-After", "60"); w.WriteHeader(429) }, errAny, 1},
		"no access":                {answer(403, `{"reason":"ExpiredProviderToken"}`), errAny, 3},
		"a reason that is a token": {answer(400, `{"reason":"`+secret+`"}`), ErrRefused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, tc.answer)
			g := s.gateway(t, Provider{Name: "fcm", URL: "https://h/{param}"})
			err := send(g, call("fcm", "p", 10*time.Second))
			switch {
			case errors.Is(tc.want, errAny) && (err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrRefused)),
				!errors.Is(tc.want, errAny) && !errors.Is(err, tc.want):
				t.Errorf("%v, want %v", err, tc.want)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Errorf("%v has the token in it", err)
			}
			if reqs, _ := s.requests(); len(reqs) != tc.tries {
				t.Errorf("%d tries, want %d", len(reqs), tc.tries)
			}
		})
	}
}

var errAny = errors.New("any other")

// A service that cannot be reached, or whose certificate is not its own, gets no
// token, and no log line has it.
func TestUnreachableServiceIsTriedAndTokensStayOutOfTheLog(t *testing.T) {
	for name, u := range map[string]string{"refused": "https://127.0.0.1:1/{prid}", "untrusted": ""} {
		t.Run(name, func(t *testing.T) {
			if u == "" {
				s := newService(t, status(200))
				s.Config.ErrorLog = nil
				u = s.URL + "/{prid}"
			}
			var log bytes.Buffer
			g := newGateway(t, Options{Services: Services{Providers: []Provider{{Name: "x", URL: u, Tries: 2}}}, Log: zerolog.New(&log)})
			err := send(g, call("x", "", 5*time.Second))
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%v", err)
			}
			g.Close()
			if strings.Contains(log.String(), secret) || strings.Count(log.String(), "push not taken") != 2 {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

// roundTrip is a service without a network, for tests of time.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answered(code int) (*http.Response, error) {
	return &http.Response{StatusCode: code, Body: http.NoBody, Header: http.Header{}}, nil
}

func hang(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestNothingIsTriedOnceTheCallIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Services: Services{Providers: []Provider{{Name: "x", URL: "https://h/", Tries: 10}}}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if err := hang(r.Context(), time.Second); err != nil {
				return nil, err
			}
			return answered(503)
		})})
		start := time.Now()
		if err := send(g, call("x", "", 4*time.Second)); err == nil {
			t.Error("taken")
		}
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("tried for %v", d)
		}
		if err := send(g, call("x", "", -time.Second)); !errors.Is(err, ErrLate) {
			t.Errorf("a late push: %v", err)
		}
	})
}

func TestSlowServiceIsLeftAfterItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries atomic.Int64
		g := newGateway(t, Options{Services: Services{Providers: []Provider{{Name: "x", URL: "https://h/", Timeout: 2 * time.Second}}}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			tries.Add(1)
			return nil, hang(r.Context(), time.Hour)
		})})
		start := time.Now()
		err := send(g, call("x", "", time.Minute))
		if !errors.Is(err, context.DeadlineExceeded) || tries.Load() != 3 {
			t.Errorf("%v after %d tries", err, tries.Load())
		}
		if d := time.Since(start); d < 6*time.Second || d > 8*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// Several calls for one device make one push at a time.
func TestPushesToOneDeviceAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		g := newGateway(t, Options{Services: Services{Providers: []Provider{{Name: "x", URL: "https://h/"}}}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent.Add(1)
			if err := hang(r.Context(), time.Second); err != nil {
				return nil, err
			}
			return answered(200)
		})})
		var told atomic.Int64
		for range 50 {
			g.Send(call("x", "", 8*time.Second), func(err error) {
				if err == nil {
					told.Add(1)
				}
			})
		}
		time.Sleep(3 * time.Second)
		if sent.Load() != 1 || told.Load() != 50 {
			t.Errorf("%d sent, %d told", sent.Load(), told.Load())
		}
		if err := send(g, call("x", "", 8*time.Second)); err != nil || sent.Load() != 2 {
			t.Errorf("the next call: %v, %d sent", err, sent.Load())
		}
	})
}

func TestQueueAndWorkersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var atOnce, most atomic.Int64
		g := newGateway(t, Options{Services: Services{Providers: []Provider{{Name: "x", URL: "https://h/", Queue: 10, Workers: 3}}}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), atOnce.Add(1)))
			defer atOnce.Add(-1)
			if err := hang(r.Context(), time.Second); err != nil {
				return nil, err
			}
			return answered(200)
		})})
		var busy, ok atomic.Int64
		for i := range 100 {
			m := call("x", "", time.Minute)
			m.PRID = fmt.Sprint(i)
			g.Send(m, func(err error) {
				switch {
				case err == nil:
					ok.Add(1)
				case errors.Is(err, ErrBusy):
					busy.Add(1)
				}
			})
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		if ok.Load() != 13 || busy.Load() != 87 || most.Load() != 3 {
			t.Errorf("%d sent, %d busy, %d at once", ok.Load(), busy.Load(), most.Load())
		}
	})
}

func TestClosingTellsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, Options{Services: Services{Providers: []Provider{{Name: "x", URL: "https://h/", Workers: 1}}}, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return nil, hang(r.Context(), time.Hour)
		})})
		outcomes := make(chan error, 3)
		for i := range 3 {
			m := call("x", "", time.Minute)
			m.PRID = fmt.Sprint(i)
			g.Send(m, func(err error) { outcomes <- err })
		}
		synctest.Wait()
		g.Close()
		for range 3 {
			if err := <-outcomes; !errors.Is(err, ErrClosed) {
				t.Errorf("%v", err)
			}
		}
		if err := send(g, call("x", "", time.Minute)); !errors.Is(err, ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestUnknownServiceIsTold(t *testing.T) {
	g := newGateway(t, Options{})
	if err := send(g, call("nobody", "", time.Second)); !errors.Is(err, ErrUnserved) {
		t.Error(err)
	}
}

func TestTokenFileIsReadAgainWhenItChanges(t *testing.T) {
	s := newService(t, status(200))
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string, at time.Time) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n", time.Now())
	g := s.gateway(t, Provider{Name: "x", URL: "https://h/", TokenFile: file})
	for i, want := range []string{"Bearer first", "Bearer other"} {
		if err := send(g, call("x", "", 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		if reqs, _ := s.requests(); reqs[i].Header.Get("Authorization") != want {
			t.Errorf("%q, want %q", reqs[i].Header.Get("Authorization"), want)
		}
		write("other", time.Now().Add(time.Hour))
	}
	write("two words", time.Now().Add(2*time.Hour))
	if err := send(g, call("x", "", 5*time.Second)); err == nil {
		t.Error("sent with a file that holds no token")
	}
	if _, err := NewGateway(Options{Services: Services{Providers: []Provider{{Name: "x", URL: "https://h/", TokenFile: file + "no"}}}}); err == nil {
		t.Error("started without its token")
	}
}
