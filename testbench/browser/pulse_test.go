//go:build testbench

package browser

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// pulse is a sound server of the test's own, with one microphone that hums and can
// be pulled out.
type pulse struct {
	t      testing.TB
	socket string
	module string // of the microphone
}

func startPulse(t testing.TB) *pulse {
	t.Helper()
	dir := t.TempDir()
	p := &pulse{t: t, socket: filepath.Join(dir, "sound")}
	cmd := exec.Command("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1",
		"--load=module-native-protocol-unix auth-anonymous=1 socket="+p.socket)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (testbench/install pulseaudio)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lab.Eventually(t, patience, func() error { return p.command("info").Run() })
	return p
}

func (p *pulse) command(args ...string) *exec.Cmd {
	return exec.Command("pactl", append([]string{"--server=unix:" + p.socket}, args...)...)
}

func (p *pulse) plugIn() {
	p.t.Helper()
	out, err := p.command("load-module", "module-sine-source").Output()
	if err != nil {
		p.t.Fatalf("plug in: %v", err)
	}
	p.module = strings.TrimSpace(string(out))
}

func (p *pulse) pullOut() {
	p.t.Helper()
	if err := p.command("unload-module", p.module).Run(); err != nil {
		p.t.Fatalf("pull out: %v", err)
	}
}

// A microphone that is open is pulled out of the system, and the browser finds out by
// itself.
func TestRepeatedlyPulledOut(t *testing.T) {
	t.Parallel()
	sound := startPulse(t)
	sound.plugIn()
	conf, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// The test call is left out: of this microphone Chromium sends nothing but silence.
	s := lab.Start(t, lab.Options{Config: strings.Replace(lab.Ports(string(conf)), "\nwebphone:\n", "\nwebphone:\n  trust_without_test: true\n", 1)})
	b := OpenAt(t, s, "http://"+s.HTTP, chromedp.Flag("use-fake-device-for-media-stream", false), chromedp.Env("PULSE_SERVER=unix:"+sound.socket))
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.run(p.ctx, chromedp.Evaluate[chromedp.Void](plug))
	const what = "open microphone pulled out of the system (PulseAudio)"
	for range repeats(t, 1) {
		isTarget(t, s, "1001")
		p.Eval(`__open()`)
		since := time.Now()
		sound.pullOut()
		gone(t, s, what, since, toldWithin, toldWithin)
		sound.plugIn()
		p.Click(`[data-testid=microphone-problem] button`) // Try again
	}
	judge(t, what+": no target", what+": Offline")
}
