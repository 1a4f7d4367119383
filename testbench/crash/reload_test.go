//go:build testbench

package crash

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

// edit changes the configuration's text and has it read again.
func edit(t *testing.T, srv *lab.Server, old, with string) {
	t.Helper()
	b, err := os.ReadFile(srv.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("no %q in the configuration", old)
	}
	if err := os.WriteFile(srv.ConfigFile, []byte(strings.Replace(string(b), old, with, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	srv.Signal(syscall.SIGHUP)
}

func withToken(srv *lab.Server, token string) int {
	req, err := http.NewRequest(http.MethodGet, "http://"+srv.HTTP+"/api/v1/agents/1001", nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestReloadWhileServing(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	l, err := phone.UDP("127.0.0.1", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pbx := phone.Publisher{Phone: &phone.Phone{Line: l, Domain: domain, Anonymous: true}, AOR: "sip:1001@" + domain}
	desk := &phone.Phone{Line: l, User: "1002", Number: "1002", Domain: domain, Password: "demo-1002"}
	if res, err := desk.Register("<" + desk.Contact(0) + ">"); err != nil || res.Status != 200 {
		t.Fatalf("REGISTER: %d %v", res.Status, err)
	}
	if res, err := pbx.Publish("a", "early", 60); err != nil || res.Status != 200 {
		t.Fatalf("PUBLISH: %d %v", res.Status, err)
	}
	becomes := func(what string, want int, ask func() int) {
		t.Helper()
		lab.Eventually(t, 5*time.Second, func() error {
			if got := ask(); got != want {
				return fmt.Errorf("%s: %d, want %d", what, got, want)
			}
			return nil
		})
	}
	publish := func() int {
		res, err := pbx.Publish("a", "confirmed", 60)
		if err != nil {
			return 0
		}
		return res.Status
	}

	edit(t, srv, "token: demo-admin,", "token: another-token-of-enough-length,")
	becomes("the new token", 200, func() int { return withToken(srv, "another-token-of-enough-length") })
	becomes("the old token", 401, func() int { return withToken(srv, "demo-admin") })

	edit(t, srv, "publish: true", "publish: false")
	becomes("a peer that may no longer publish", 403, publish)
	edit(t, srv, "publish: false", "publish: true")
	becomes("a peer that may again", 200, publish)

	edit(t, srv, "node: demo-1", "nodule: demo-1") // a mistake: everything stays
	lab.Eventually(t, 5*time.Second, func() error {
		if !strings.Contains(srv.Log(), "configuration not reloaded") {
			return fmt.Errorf("the mistake is not in the log")
		}
		return nil
	})
	becomes("the token after a mistake", 200, func() int { return withToken(srv, "another-token-of-enough-length") })
	becomes("the peer after a mistake", 200, publish)
	edit(t, srv, "nodule: demo-1", "node: demo-1")
	edit(t, srv, "token: another-token-of-enough-length,", "token: demo-admin,")
	becomes("the first token again", 200, func() int { return withToken(srv, "demo-admin") })

	if res, err := desk.Register(); err != nil || res.Status != 200 || !strings.Contains(res.Get("Contact"), desk.Contact(0)) {
		t.Errorf("after the reloads the registration is %d %q %v", res.Status, res.Get("Contact"), err)
	}
}
