// Package firefox drives the pages in a real Firefox, headless, with its fake
// microphone, as testbench/browser does in Chromium. There is no driver between: Firefox
// itself speaks WebDriver BiDi. What needs another setting than a person's Firefox has
// says so in prefs.
package firefox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// patience bounds everything a page is waited for.
const patience = 20 * time.Second

// Options of a browser. The zero value is one whose person allowed the microphone, which
// hears a tone of 1000 Hz.
type Options struct {
	// Hz is the tone that the microphone hears.
	Hz int
	// Permission of the microphone; default: Allowed.
	Permission Permission
	// Base is where the page is, as scheme://host:port; default: the server's by HTTP,
	// which on loopback browsers take for as safe as HTTPS. A self-made certificate is
	// taken.
	Base string
	// Prefs are more of Firefox's settings, or others than prefs.
	Prefs map[string]any
}

// Permission is what Firefox does when a page asks for the microphone, by the number of
// its setting.
type Permission int

// What a person may have chosen.
const (
	Allowed Permission = 1
	Denied  Permission = 2
)

// Firefox is one browser with a profile of its own.
type Firefox struct {
	t    testing.TB
	s    *lab.Server
	base string
	cmd  *exec.Cmd
	ends chan struct{} // closed when the process has ended
	*bidi
}

// prefs are the settings of every Firefox here. All others are as shipped: what may play
// sound, how hidden tabs are slowed down, which addresses are told.
func prefs(o Options) map[string]any {
	p := map[string]any{
		// The microphone is a generator of tones, and a person's answer is known.
		"media.navigator.streams.fake":         true,
		"media.navigator.audio.fake_frequency": o.Hz,
		"permissions.default.microphone":       int(o.Permission),
		// Servers and browsers on one machine find each other by its loopback only.
		"media.peerconnection.ice.loopback": true,
		// Nothing of Firefox's own leaves the machine: all but loopback goes to a proxy
		// that is not there.
		"network.proxy.type":                            1,
		"network.proxy.http":                            "127.0.0.1",
		"network.proxy.http_port":                       9,
		"network.proxy.ssl":                             "127.0.0.1",
		"network.proxy.ssl_port":                        9,
		"services.settings.server":                      "data:,#nowhere/v1",
		"app.normandy.enabled":                          false,
		"datareporting.policy.dataSubmissionEnabled":    false,
		"toolkit.telemetry.server":                      "",
		"network.captive-portal-service.enabled":        false,
		"network.connectivity-service.enabled":          false,
		"browser.safebrowsing.update.enabled":           false,
		"extensions.systemAddon.update.enabled":         false,
		"browser.startup.page":                          0,
		"browser.startup.homepage_override.mstone":      "ignore",
		"browser.newtabpage.enabled":                    false,
		"browser.newtab.preload":                        false,
		"browser.aboutwelcome.enabled":                  false,
		"browser.shell.checkDefaultBrowser":             false,
		"browser.sessionstore.resume_from_crash":        false,
		"dom.ipc.processPrelaunch.enabled":              false, // the machine is small
		"termsofuse.bypassNotification":                 true,
		"browser.tabs.closeWindowWithLastTab":           false,
		"toolkit.cosmeticAnimations.enabled":            false,
		"ui.prefersReducedMotion":                       1,
		"security.sandbox.warn_unprivileged_namespaces": false,
	}
	for name, value := range o.Prefs {
		p[name] = value
	}
	return p
}

// program is Firefox, by the name it has in Debian or by its own.
func program() (string, error) {
	if path, err := exec.LookPath("firefox-esr"); err == nil {
		return path, nil
	}
	return exec.LookPath("firefox")
}

// version is what Firefox says of itself.
func version() string {
	path, err := program()
	if err != nil {
		return ""
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// Open starts a browser. The test's end closes it.
func Open(t testing.TB, s *lab.Server, o Options) *Firefox {
	t.Helper()
	if o.Hz == 0 {
		o.Hz = 1000
	}
	if o.Permission == 0 {
		o.Permission = Allowed
	}
	if o.Base == "" {
		o.Base = "http://" + s.HTTP
	}
	path, err := program()
	if err != nil {
		t.Fatalf("%v (testbench/install firefox)", err)
	}
	profile := t.TempDir()
	var user strings.Builder
	for name, value := range prefs(o) {
		v, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&user, "user_pref(%q, %s);\n", name, v)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(user.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &Firefox{t: t, s: s, base: o.Base, ends: make(chan struct{})}
	f.cmd = exec.Command(path, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile)
	f.cmd.Env = append(os.Environ(), "HOME="+profile, "MOZ_CRASHREPORTER_DISABLE=1", "MOZ_HEADLESS_WIDTH=1280", "MOZ_HEADLESS_HEIGHT=900")
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its many processes are signalled together
	said, err := f.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatalf("start Firefox: %v", err)
	}
	at := make(chan string, 1)
	go func() {
		defer close(f.ends)
		defer close(at)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "WebDriver BiDi listening on "); ok {
				at <- url
				_, _ = io.Copy(io.Discard, said)
			}
		}
		_ = f.cmd.Wait()
	}()
	t.Cleanup(f.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	select {
	case url, ok := <-at:
		if !ok {
			t.Fatal("Firefox ended at its start")
		}
		f.session(ctx, url)
	case <-ctx.Done():
		t.Fatalf("Firefox does not listen after %s", 3*patience)
	}
	return f
}

// session begins one, in which Firefox does as it is told.
func (f *Firefox) session(ctx context.Context, url string) {
	f.t.Helper()
	b, err := dial(ctx, url+"/session")
	if err != nil {
		f.t.Fatal(err)
	}
	f.bidi = b
	f.t.Cleanup(func() {
		if f.t.Failed() {
			f.t.Logf("the console of Firefox:\n%s", strings.Join(b.console(), "\n"))
		}
		b.close()
	})
	capabilities := map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true}}}
	if err := b.call(ctx, "session.new", capabilities, nil); err != nil {
		f.t.Fatal(err)
	}
	if err := b.call(ctx, "session.subscribe", map[string]any{"events": []string{"log.entryAdded"}}, nil); err != nil {
		f.t.Fatal(err)
	}
}

// Signal sends a signal to all of the browser's processes.
func (f *Firefox) Signal(sig syscall.Signal) { _ = syscall.Kill(-f.cmd.Process.Pid, sig) }

// Kill ends the browser at once, as a crash does.
func (f *Firefox) Kill() {
	f.Signal(syscall.SIGKILL)
	<-f.ends
}

// do asks for something that has to work.
func (f *Firefox) do(method string, params, out any) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	if err := f.call(ctx, method, params, out); err != nil {
		f.t.Fatalf("Firefox: %v", err)
	}
}
