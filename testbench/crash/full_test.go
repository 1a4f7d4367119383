//go:build testbench

package crash

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

// small is a file system of its own with little room.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("no small file system (%v; mounting needs root): that a full disk is answered 503, leaves no trace "+
			"and fails /readyz is not shown here on a real disk; store/sqlite tries it with its own means", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill leaves not a byte; free gives the room back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
	_ = f.Close()
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func ready(srv *lab.Server) int {
	res, err := http.Get("http://" + srv.HTTP + "/readyz")
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// While nothing can be written every change is refused with 503, and nothing of
// it is seen then, after the room came back, or after a restart.
func TestFullDisk(t *testing.T) {
	dir := small(t)
	srv := lab.Start(t, lab.Options{Data: dir, Config: config(t)})
	pl, err := phone.UDP("127.0.0.1", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	defer pl.Close()
	l, err := phone.UDP("127.0.0.2", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	device := func(n string) *phone.Phone {
		return &phone.Phone{Line: l, User: n, Number: n, Domain: domain, Password: "demo-" + n}
	}
	a, b := device("1001"), device("1002")
	wa := &phone.Watch{Phone: b, Target: "1001", Event: "dialog"}
	wb := &phone.Watch{Phone: b, Target: "1002", Event: "dialog"}
	pbx := phone.Publisher{Phone: &phone.Phone{Line: pl, Domain: domain, Anonymous: true}, AOR: "sip:1001@" + domain}
	want := func(what string, status int, res phone.Response, err error) {
		t.Helper()
		if err != nil || res.Status != status {
			t.Errorf("%s: %d %v, want %d", what, res.Status, err, status)
		}
		if status == 503 && err == nil && res.Get("Retry-After") == "" {
			t.Errorf("%s: 503 without Retry-After", what)
		}
	}
	sel := func(status string, want int) {
		t.Helper()
		if got := srv.API("PUT", "/agents/1001/status", map[string]string{"status": status}, nil); got != want {
			t.Errorf("select %s: HTTP %d, want %d", status, got, want)
		}
	}
	res, err := a.Register("<" + a.Contact(0) + ">")
	want("REGISTER", 200, res, err)
	res, err = wa.Subscribe(600)
	want("SUBSCRIBE", 200, res, err)
	sel("available", 200)

	free := fill(t, dir)
	t.Log("the disk is full")
	res, err = a.Register("<" + a.Contact(1) + ">")
	want("REGISTER of another contact on a full disk", 503, res, err)
	res, err = b.Register("<" + b.Contact(0) + ">")
	want("first REGISTER on a full disk", 503, res, err)
	res, err = wb.Subscribe(600)
	want("SUBSCRIBE on a full disk", 503, res, err)
	res, err = pbx.Publish("x", "confirmed", 60)
	want("PUBLISH on a full disk", 503, res, err)
	sel("do_not_disturb", 503)
	res, err = a.Register("<" + a.Contact(0) + ">") // writes nothing
	want("pure refresh on a full disk", 200, res, err)
	lab.Eventually(t, 5*time.Second, func() error {
		if got := ready(srv); got != 503 {
			return fmt.Errorf("/readyz %d on a full disk", got)
		}
		return nil
	})
	noTrace := func(when string) {
		t.Helper()
		lab.Eventually(t, 10*time.Second, func() error {
			var one agent
			srv.API("GET", "/agents/1001", nil, &one)
			switch {
			case one.Engaged || one.Ringing || len(one.Legs) > 0:
				return fmt.Errorf("%s: the refused publication shows: %+v", when, one.Legs)
			case one.Selected.Status != "available":
				return fmt.Errorf("%s: the refused selection shows: %s", when, one.Selected.Status)
			}
			if st := wa.State(); st.Lamp != "terminated" {
				return fmt.Errorf("%s: the watcher's lamp is %s", when, st.Lamp)
			}
			return nil
		})
		res, err := a.Register()
		if all := strings.Join(res.All("Contact"), ","); err != nil || !strings.Contains(all, a.Contact(0)) || strings.Contains(all, a.Contact(1)) {
			t.Errorf("%s: contacts of 1001: %q %v", when, all, err)
		}
		if res, err := b.Register(); err != nil || res.Status != 200 || res.Get("Contact") != "" {
			t.Errorf("%s: contacts of 1002: %q %v", when, res.Get("Contact"), err)
		}
		if n := wb.State().Notifies; n > 0 {
			t.Errorf("%s: the refused subscription was notified %d times", when, n)
		}
		for _, wrong := range wa.Wrong() {
			t.Errorf("%s: %s", when, wrong)
		}
	}
	noTrace("full")

	free()
	took := lab.Eventually(t, 15*time.Second, func() error {
		if got := ready(srv); got != 200 {
			return fmt.Errorf("/readyz %d although there is room again", got)
		}
		return nil
	})
	t.Logf("ready again %v after there was room", took.Round(time.Millisecond))
	noTrace("room again")
	srv.Kill()
	srv.Run()
	noTrace("after a crash")
	res, err = b.Register("<" + b.Contact(0) + ">")
	want("REGISTER with room", 200, res, err)
	res, err = pbx.Publish("x", "confirmed", 60)
	want("PUBLISH with room", 200, res, err)
	sel("do_not_disturb", 200)
	lab.Eventually(t, 5*time.Second, func() error {
		if st := wa.State(); st.Lamp != "confirmed" {
			return fmt.Errorf("the lamp is %s", st.Lamp)
		}
		return nil
	})
}
