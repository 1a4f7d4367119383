//go:build testbench

package browser

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// grace is the demo domain's.
const grace = 5 * time.Second

func TestGrantedMicrophoneMakesTheAgentAvailable(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	began := time.Now()
	p := b.Login("1001")
	p.Status("available")
	held(t, "page opened, password typed, microphone proven: Available", time.Since(began), patience)
	s.TeamStatus("1001", "available", time.Second)
	isTarget(t, s, "1001")
	if !s.Agent("1001").Online {
		t.Error("the API does not say online")
	}
}

func TestDeniedMicrophoneIsOfflineAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingDenied)
	p := b.Login("1001")
	p.Mic("denied")
	p.Status("offline")
	if text := p.Text(`[data-testid=microphone-problem]`); !strings.Contains(text, "Allow") {
		t.Errorf("the page gives no remedy: %q", text)
	}
	var r route
	s.API("POST", "/route", map[string]string{"agent": "1001", "kind": "regular"}, &r)
	if r.Allow || r.Code != 480 {
		t.Errorf("a call to an agent without a microphone: %+v", r)
	}
	b.Microphone(cdp.PermissionSettingGranted)
	p.Status("available")
}

func TestRevokedMicrophoneIsKnownAtOnce(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	isTarget(t, s, "1001")
	b.Microphone(cdp.PermissionSettingDenied)
	held(t, "permission taken: no target", noTarget(t, s, "1001", 10*time.Second), 1500*time.Millisecond)
	s.TeamStatus("1001", "offline", 1500*time.Millisecond)
	if c := s.Agent("1001").Status.Team.Cause; c != "microphone-denied" {
		t.Errorf("cause %s", c)
	}
}

func TestClosingTheTabStopsRoutingAtOnceAndShowsOfflineAfterTheGraceTime(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	isTarget(t, s, "1001")
	closed := time.Now()
	p.Close()
	noTarget(t, s, "1001", 5*time.Second)
	held(t, "tab closed: no target", time.Since(closed), 200*time.Millisecond)
	time.Sleep(grace - time.Second - time.Since(closed))
	if st := s.Agent("1001").Status.Team.Status; st != "available" {
		t.Errorf("within the grace time the team sees %s", st)
	}
	s.TeamStatus("1001", "offline", 5*time.Second)
	held(t, "tab closed: Offline", time.Since(closed), grace+time.Second)
	if c := s.Agent("1001").Status.Team.Cause; c != "webphone-gone" {
		t.Errorf("cause %s", c)
	}
}

func TestReloadIsNoChange(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	since := s.Agent("1001").Status.Team.Since
	p.run(p.ctx, chromedp.Reload(), chromedp.WaitVisible(`[data-testid=own-status]`))
	isTarget(t, s, "1001")
	time.Sleep(grace + time.Second)
	a := s.Agent("1001")
	if a.Status.Team.Status != "available" || !a.Status.Team.Since.Equal(since) {
		t.Errorf("after a reload: %+v, before since %s", a.Status.Team, since)
	}
}

func TestATabOpenedInALivingSessionGoesOnlineWithoutTyping(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	p.Close()
	s.TeamStatus("1001", "offline", 10*time.Second)
	b.Tab().Status("available")
}

// A stopped browser is a sleeping laptop and a dead network alike: nothing comes
// any more, and nothing says goodbye.
func TestSilentBrowserIsNoTargetAndThenOffline(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	isTarget(t, s, "1001")
	procs := processes(t, chromedp.FromContext(b.ctx).Browser.Process().Pid)
	stopped := time.Now()
	signal(procs, syscall.SIGSTOP)
	defer signal(procs, syscall.SIGCONT)
	ended(t, s, "browser or network silent", stopped, 2500*time.Millisecond, 5*time.Second)
	if c := s.Agent("1001").Status.Team.Cause; c != "webphone-silent" {
		t.Errorf("cause %s", c)
	}
	signal(procs, syscall.SIGCONT)
	s.TeamStatus("1001", "available", patience)
}

func TestStatusIsSelectedOnThePageAndSeenByTheTeam(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	p.Click(`[data-testid=status-menu]`)
	p.Click(`//button[@role="menuitem"][contains(., "Lunch")]`)
	p.Status("custom")
	s.TeamStatus("1001", "Lunch", time.Second)
	p.attribute(`[data-agent="1001"]`, "data-status", "custom")

	// What a supervisor's command changes shows on the page by itself.
	s.API("PUT", "/agents/1001/status", map[string]string{"status": "do_not_disturb", "reason": "meeting"}, nil)
	p.Status("do_not_disturb")
}

func TestLogoutEndsTheWebphoneWithoutGrace(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	p.Click(`//button[contains(., "Log out")]`)
	s.TeamStatus("1001", "offline", time.Second)
	if c := s.Agent("1001").Status.Team.Cause; c != "logout" {
		t.Errorf("cause %s", c)
	}
}

func TestServerRestartBringsThePageBackByItself(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	s.Kill()
	s.Run()
	isTarget(t, s, "1001")
	p.Status("available")
}

// processes lists a process and all below it.
func processes(t testing.TB, pid int) []int {
	t.Helper()
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(all[i])).Output()
		if err != nil {
			continue // no children
		}
		for f := range strings.FieldsSeq(string(out)) {
			if n, err := strconv.Atoi(f); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

func signal(pids []int, sig syscall.Signal) {
	for _, pid := range pids {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Signal(sig)
		}
	}
}
