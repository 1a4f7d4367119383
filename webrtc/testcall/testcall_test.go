package testcall

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lamplight/webrtc/iceport"
	"lamplight/webrtc/testcall/testpage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o Options) *Tester {
	t.Helper()
	port, err := iceport.Open(iceport.Options{Listen: "127.0.0.1:0", Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	o.Port = port
	tester, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tester.Close()
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	})
	return tester
}

// TestCall makes whole calls over loopback UDP, with pion in the page's place.
func TestCall(t *testing.T) {
	tests := map[string]struct {
		page  testpage.Options
		heard int
		want  Outcome
	}{
		"passes":                         {testpage.Options{Level: 30}, 50, Passed},
		"passes without level extension": {testpage.Options{NoLevel: true, Voice: true}, 50, Passed},
		"digital silence":                {testpage.Options{Level: 127}, 50, Silent},
		"silence without extension":      {testpage.Options{NoLevel: true}, 50, Silent},
		"no packets":                     {testpage.Options{Quiet: true}, 50, NoAudio},
		"page hears nothing":             {testpage.Options{Level: 30}, 3, NotHeard},
		"page never connects":            {testpage.Options{Absent: true}, 0, NoICE},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tester := open(t, Options{Connect: 2 * time.Second, Audio: 2 * time.Second})
			page, err := testpage.New(tt.page)
			if err != nil {
				t.Fatal(err)
			}
			defer page.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			offer, err := page.Offer(ctx)
			if err != nil {
				t.Fatal(err)
			}
			call, answer, err := tester.Answer(ctx, offer)
			if err != nil {
				t.Fatal(err)
			}
			defer call.Close()
			if err := page.Accept(answer); err != nil {
				t.Fatal(err)
			}
			call.Heard(tt.heard)
			r := call.Wait(ctx)
			if r.Outcome != tt.want {
				t.Errorf("outcome %s, want %s (%+v)", r.Outcome, tt.want, r)
			}
			if tt.want == Passed && page.Received() < heardLeast {
				t.Errorf("the page got %d packets", page.Received())
			}
			t.Logf("%+v", r)
		})
	}
}

// TestBadOffer: what cannot be a call is refused; what merely leads nowhere is
// answered and would end as no-ice. Neither leaves anything behind.
func TestBadOffer(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	tester := open(t, Options{})
	for name, offer := range map[string]string{
		"empty":        "",
		"rubbish":      "hello",
		"no transport": head,
		"half a one":   head + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
		"long rubbish": "v=0\r\n" + strings.Repeat("a=x\r\n", 10000),
	} {
		t.Run(name, func(t *testing.T) {
			call, _, err := tester.Answer(t.Context(), offer)
			if err == nil {
				call.Close()
			}
			if !errors.Is(err, ErrOffer) {
				t.Errorf("%v, want ErrOffer", err)
			}
		})
	}
	if n := tester.Calls(); n != 0 {
		t.Errorf("%d calls left behind", n)
	}
}

// TestCloseEndsCalls: whoever waits for a result is told when the tester goes.
func TestCloseEndsCalls(t *testing.T) {
	tester := open(t, Options{})
	page, err := testpage.New(testpage.Options{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	offer, err := page.Offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	call, answer, err := tester.Answer(t.Context(), offer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer, "a=ice-lite") || strings.Contains(answer, "CN/8000") {
		t.Errorf("the answer should be ICE-lite and without comfort noise:\n%s", answer)
	}
	got := make(chan Outcome, 1)
	go func() { got <- call.Wait(context.Background()).Outcome }()
	tester.Close()
	if o := <-got; o != Ended {
		t.Errorf("outcome %s, want ended", o)
	}
	if _, _, err := tester.Answer(t.Context(), offer); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
