//go:build testbench

package browser

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// The same thing happens to a page again and again, and each time it is measured how
// soon the server knows. TRUTH=100 is how often; what takes long, a frozen or killed
// browser, a fifth of that.

// Limits, of p99. What the page can say itself is known within 1.5 s, a closed socket
// within 1 s. Silence is suspect after 2.2 s and ends after 4 s, and counts from the
// last answer.
const (
	toldWithin   = 1500 * time.Millisecond
	closedWithin = time.Second
	silentWithin = 2500 * time.Millisecond
	endedWithin  = 5 * time.Second
)

func repeats(t *testing.T, share int) int {
	t.Helper()
	v := os.Getenv("TRUTH")
	if v == "" {
		return 2
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("TRUTH=%q is no number", v)
	}
	return max(n/share, 1)
}

// judge fails the test where the p99 of something is over its limit.
func judge(t *testing.T, whats ...string) {
	t.Helper()
	timings.mu.Lock()
	defer timings.mu.Unlock()
	for _, what := range whats {
		l := slices.Sorted(slices.Values(timings.took[what]))
		if len(l) == 0 {
			t.Errorf("%s: never measured", what)
			continue
		}
		if p99 := percentile(l, 99); p99 > timings.limit[what] {
			t.Errorf("%s: p99 %s of %d, at most %s", what, p99.Round(time.Millisecond), len(l), timings.limit[what])
		}
	}
}

// known waits until the API names the microphone so.
func known(t *testing.T, s *lab.Server, want string) {
	t.Helper()
	lab.Eventually(t, patience, func() error {
		var a struct {
			Sessions []struct{ Microphone string } `json:"sessions"`
		}
		s.API("GET", "/agents/1001", nil, &a)
		if len(a.Sessions) != 1 || a.Sessions[0].Microphone != want {
			return fmt.Errorf("%+v, want %s", a.Sessions, want)
		}
		return nil
	})
}

// gone notes when a call is not offered any more, and when the team see it.
func gone(t *testing.T, s *lab.Server, what string, since time.Time, target, offline time.Duration) {
	t.Helper()
	noTarget(t, s, "1001", patience)
	timings.note(what+": no target", time.Since(since), target)
	s.TeamStatus("1001", "offline", patience)
	timings.note(what+": Offline", time.Since(since), offline)
}

func TestRepeatedlyDenied(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	// Denied first: the login opens the microphone once, and that must be over.
	b.Microphone(cdp.PermissionSettingDenied)
	b.Login("1001").Mic("denied")
	time.Sleep(time.Second)
	const what = "permission denied: known"
	for range repeats(t, 1) {
		b.Microphone(cdp.PermissionSettingPrompt)
		known(t, s, "not_asked")
		since := time.Now()
		b.Microphone(cdp.PermissionSettingDenied)
		known(t, s, "denied")
		timings.note(what, time.Since(since), toldWithin)
		s.TeamStatus("1001", "offline", patience)
	}
	// The permission changes more often than the server takes messages.
	if n := strings.Count(s.Log(), "too many messages"); n > 0 {
		t.Errorf("the page was closed %d times for a flood", n)
	}
	judge(t, what)
}

func TestRepeatedlyRevoked(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b, _ := available(t, s)
	const what = "permission revoked"
	for i := range repeats(t, 1) {
		isTarget(t, s, "1001")
		to := cdp.PermissionSettingDenied
		if i%2 == 1 {
			to = cdp.PermissionSettingPrompt // taken back by the site's settings
		}
		since := time.Now()
		b.Microphone(to)
		gone(t, s, what, since, toldWithin, toldWithin)
		b.Microphone(cdp.PermissionSettingGranted)
	}
	judge(t, what+": no target", what+": Offline")
}

// plug stands between the page and the browser's devices, which here cannot be
// unplugged: the page hears "devicechange" and "ended", and opens in vain, as it does
// when they are. How soon the system tells the browser is not in the figures.
const plug = `(() => {
	const m = navigator.mediaDevices, list = m.enumerateDevices.bind(m), open = m.getUserMedia.bind(m);
	let gone = false, busy = false, more = false, opened = () => {};
	m.enumerateDevices = async () => {
		const all = (await list()).filter((d) => !gone || d.kind !== 'audioinput');
		return more && !gone ? [...all, {kind: 'audioinput', deviceId: 'more', groupId: 'more', label: 'More'}] : all;
	};
	m.getUserMedia = async (wish) => {
		if (gone) throw new DOMException('unplugged', 'NotFoundError');
		if (busy) throw new DOMException('in use', 'NotReadableError');
		const stream = await open(wish);
		opened(stream.getAudioTracks()[0]);
		return stream;
	};
	const changed = () => m.dispatchEvent(new Event('devicechange'));
	window.__unplug = () => { gone = true; changed(); return '' };
	window.__plug = () => { gone = false; busy = false; more = !more; changed(); return '' };
	// Another device comes, and the page opens the microphone to try it.
	window.__open = () => new Promise((done) => {
		opened = () => { opened = () => {}; setTimeout(done, 100, '') };
		more = !more;
		changed();
	});
	// Another device comes, the page tries its microphone, and loses it while it is open.
	window.__seize = () => new Promise((done) => {
		opened = (track) => {
			opened = () => {};
			setTimeout(() => {
				busy = true;
				track.stop();
				done(String(Date.now()));
				track.dispatchEvent(new Event('ended'));
			}, 100);
		};
		more = !more;
		changed();
	});
})()`

func TestRepeatedlyUnplugged(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s)
	p.run(p.ctx, chromedp.Evaluate[chromedp.Void](plug))
	const what = "the only device removed (simulated in the page)"
	for range repeats(t, 1) {
		isTarget(t, s, "1001")
		since := time.Now()
		p.Eval(`__unplug()`)
		gone(t, s, what, since, toldWithin, toldWithin)
		known(t, s, "missing")
		p.Eval(`__plug()`)
	}
	judge(t, what+": no target", what+": Offline")
}

func TestRepeatedlySeized(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s)
	p.run(p.ctx, chromedp.Evaluate[chromedp.Void](plug))
	const what = "open microphone taken by another program (simulated in the page)"
	for range repeats(t, 1) {
		isTarget(t, s, "1001")
		ms, err := strconv.ParseInt(p.Eval(`__seize()`), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		gone(t, s, what, time.UnixMilli(ms), toldWithin, toldWithin)
		known(t, s, "lost")
		p.Eval(`__plug()`)
	}
	judge(t, what+": no target", what+": Offline")
}

// Most tabs are opened again within the grace time; every fifth is waited for until
// the team see it.
func TestRepeatedlyClosed(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b, p := available(t, s)
	const what = "tab closed"
	for i := range repeats(t, 1) {
		isTarget(t, s, "1001")
		since := time.Now()
		p.Close()
		noTarget(t, s, "1001", patience)
		timings.note(what+": no target", time.Since(since), closedWithin)
		if i%5 == 0 {
			s.TeamStatus("1001", "offline", patience)
			timings.note(what+": Offline", time.Since(since), grace+closedWithin)
		}
		p = b.Tab()
	}
	judge(t, what+": no target", what+": Offline")
}

func TestRepeatedlyFrozen(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b, _ := available(t, s)
	const what = "browser stopped (SIGSTOP)"
	for range repeats(t, 5) {
		isTarget(t, s, "1001")
		procs := processes(t, chromedp.FromContext(b.ctx).Browser.Process().Pid)
		since := time.Now()
		signal(procs, syscall.SIGSTOP)
		t.Cleanup(func() { signal(procs, syscall.SIGCONT) }) // if it does not come so far
		gone(t, s, what, since, silentWithin, endedWithin)
		signal(procs, syscall.SIGCONT)
		s.TeamStatus("1001", "available", patience)
	}
	judge(t, what+": no target", what+": Offline")
}

func TestRepeatedlyKilled(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	const what = "browser killed"
	for range repeats(t, 5) {
		b, _ := available(t, s)
		procs := processes(t, chromedp.FromContext(b.ctx).Browser.Process().Pid)
		since := time.Now()
		signal(procs, syscall.SIGKILL)
		gone(t, s, what, since, closedWithin, grace+closedWithin)
		b.Quit()
		lab.Eventually(t, patience, func() error {
			if clientOf(s, "1001") != "" {
				return errors.New("the session is still there")
			}
			return nil
		})
	}
	judge(t, what+": no target", what+": Offline")
}
