//go:build testbench

package firefox

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// grace is the demo domain's.
const grace = 5 * time.Second

// available opens a browser with an agent whose webphone is proven.
func available(t *testing.T, s *lab.Server, o Options) (*Firefox, *Page) {
	t.Helper()
	f := Open(t, s, o)
	began := time.Now()
	p := f.Login("1001")
	p.Status("available")
	held(t, "page opened, password typed, microphone proven: Available", time.Since(began), patience)
	s.Target("1001", patience)
	return f, p
}

// ended waits until the server knows that a page is gone, and notes how soon.
func ended(t *testing.T, s *lab.Server, what string, since time.Time, target, offline time.Duration) {
	t.Helper()
	s.NoTarget("1001", 10*time.Second)
	held(t, what+": no target", time.Since(since), target)
	s.TeamStatus("1001", "offline", 15*time.Second)
	held(t, what+": Offline", time.Since(since), offline)
}

func cause(t *testing.T, s *lab.Server, want string) {
	t.Helper()
	if c := s.Agent("1001").Status.Team.Cause; c != want {
		t.Errorf("the cause is %s, want %s", c, want)
	}
}

// The server's own test call proves the microphone, and the page says so; also by HTTPS.
func TestAProvenMicrophoneMakesTheAgentAvailable(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	f, p := available(t, s, Options{})
	p.Says("microphone", "works")
	s.TeamStatus("1001", "available", time.Second)
	f.Kill()
	s.TeamStatus("1001", "offline", 2*grace)
	_, p = available(t, s, Options{Base: "https://" + s.HTTPS})
	p.Says("microphone", "works")
}

func TestADeniedMicrophoneIsOfflineAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	p := Open(t, s, Options{Permission: Denied}).Login("1001")
	p.Has("microphone", "data-mic", "denied")
	p.Status("offline")
	p.Says("microphone", "denied")
	if text := p.Text("microphone-problem"); !strings.Contains(text, "does not let this page use the microphone") || !strings.Contains(text, "Allow") {
		t.Errorf("the page says %q", text)
	}
	if r := s.Route("1001"); r.Allow || r.Code != 480 {
		t.Errorf("a call to an agent without a microphone: %+v", r)
	}
}

func TestClosingTheTabStopsRoutingAtOnceAndShowsOfflineAfterTheGraceTime(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s, Options{})
	since := time.Now()
	p.Close()
	ended(t, s, "tab closed", since, time.Second, grace+time.Second)
	cause(t, s, "webphone-gone")
}

func TestAKilledFirefoxIsNoTargetAtOnce(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	f, _ := available(t, s, Options{})
	since := time.Now()
	f.Kill()
	ended(t, s, "Firefox killed", since, time.Second, grace+time.Second)
}

// A stopped browser is a sleeping laptop and a dead network alike.
func TestAFrozenFirefoxIsNoTargetAndThenOfflineAndComesBack(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	f, p := available(t, s, Options{})
	since := time.Now()
	f.Signal(syscall.SIGSTOP)
	ended(t, s, "Firefox frozen", since, 3*time.Second, 5*time.Second)
	cause(t, s, "webphone-silent")
	f.Signal(syscall.SIGCONT)
	s.TeamStatus("1001", "available", patience)
	p.Status("available")
}

// A page whose script hangs keeps its connection: only its silence tells.
func TestAPageThatHangsIsNoTargetAndThenOfflineAndComesBack(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s, Options{})
	since := time.Now()
	p.Eval(`setTimeout(() => { const end = Date.now() + 8000; while (Date.now() < end); }, 0); 'ok'`)
	ended(t, s, "script hangs", since, 3500*time.Millisecond, 6*time.Second)
	s.TeamStatus("1001", "available", patience)
	p.Status("available")
}

// A hidden tab's timers come rarely; what the server asks is answered all the same.
func TestAHiddenTabStaysAvailable(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	f, p := available(t, s, Options{})
	since := s.Agent("1001").Status.Team.Since
	f.Empty()
	lab.Eventually(t, patience, func() error {
		if v := p.Eval(`document.visibilityState`); v != "hidden" {
			return fmt.Errorf("the tab behind another is %s", v)
		}
		return nil
	})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		if r := s.Route("1001"); !r.Rings("webphone") {
			t.Fatalf("a hidden tab's webphone is no target: %d %s", r.Code, r.Text)
		}
	}
	if a := s.Agent("1001").Status.Team; a.Status != "available" || !a.Since.Equal(since) {
		t.Errorf("after a minute hidden: %+v, before since %s", a, since)
	}
	if v := p.Eval(`document.visibilityState`); v != "hidden" {
		t.Errorf("the tab did not stay hidden: %s", v)
	}
}

func TestAReloadIsNoChange(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s, Options{})
	since := s.Agent("1001").Status.Team.Since
	p.Reload()
	s.Target("1001", patience)
	time.Sleep(grace + time.Second)
	if a := s.Agent("1001").Status.Team; a.Status != "available" || !a.Since.Equal(since) {
		t.Errorf("after a reload: %+v, before since %s", a, since)
	}
}

// The second tab leaves the phone to the first, takes it over when it is told to, and has
// it when the first is closed.
func TestASecondTabTakesThePhoneOver(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	f, first := available(t, s, Options{})
	second := f.Tab()
	second.Says("microphone", "another tab")
	since := s.Agent("1001").Status.Team.Since
	second.Eval(`[...document.querySelectorAll('button')].find(b => b.textContent == 'Use here').click(); 'ok'`)
	second.Says("microphone", "works")
	first.Says("microphone", "another tab")
	second.Close()
	first.Says("microphone", "works")
	s.Target("1001", patience)
	time.Sleep(grace + 500*time.Millisecond)
	if a := s.Agent("1001").Status.Team; a.Status != "available" || !a.Since.Equal(since) {
		t.Errorf("after the take-over: %+v, before since %s", a, since)
	}
}
