//go:build testbench

package sipp

import (
	"fmt"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// registration is a device's dialogue with the registrar over several runs: one
// Call-ID, growing CSeqs.
func registration(t *testing.T, number, kind string, tcp bool) (Run, string) {
	t.Helper()
	run := phone(number, kind)
	var err error
	if run.Port, err = FreePort("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	run.TCP = tcp
	run.CallID = fmt.Sprintf("sipp-%s-%d@127.0.0.1", run.User, run.Port)
	return run, fmt.Sprintf("sip:%s@127.0.0.1:%d", run.User, run.Port)
}

func (r *rig) again(run *Run, scenario, contact string, expires int) {
	r.t.Helper()
	run.CSeq += 10
	run.Keys = map[string]string{"contact": contact, "expires": fmt.Sprint(expires)}
	r.run(scenario, *run)
}

func TestRegisterRefreshAndUnregister(t *testing.T) {
	r := newRig(t)
	run, contact := registration(t, "1001", "", false)
	r.again(&run, "register", "<"+contact+">", 600)
	r.bound("1001", contact)
	r.again(&run, "register", "<"+contact+">", 300)
	r.bound("1001", contact)
	r.again(&run, "register", "<"+contact+">", 0)
	r.bound("1001")
}

func TestStarTakesBackTheDevicesOwnContactsOnly(t *testing.T) {
	r := newRig(t)
	soft := r.register("1002", "soft", 600)
	run, contact := registration(t, "1002", "", false)
	r.again(&run, "register", "<"+contact+">", 600)
	r.bound("1002", contact, soft)
	r.again(&run, "register", "*", 0)
	r.bound("1002", soft)
}

func TestRegisterOverTCPEndsWithTheConnection(t *testing.T) {
	r := newRig(t)
	run, contact := registration(t, "1003", "", true)
	r.again(&run, "register", "<"+contact+";transport=tcp>", 600)
	// SIPp has closed its connection, and with it the binding is over.
	lab.Eventually(t, time.Second, func() error {
		if got := r.contacts("1003"); len(got) > 0 {
			return fmt.Errorf("bound to %q", got)
		}
		return nil
	})
}

func TestOneNonceServesSeveralRequests(t *testing.T) {
	r := newRig(t)
	run, contact := registration(t, "1004", "", false)
	r.again(&run, "register_same_nonce", "<"+contact+">", 600)
	r.bound("1004", contact)
}

func TestWrongPasswordIsNotLetIn(t *testing.T) {
	r := newRig(t)
	run, contact := registration(t, "1005", "", false)
	run.Password = "demo-1006"
	r.again(&run, "register_wrong_password", "<"+contact+">", 600)
	r.bound("1005")
}

func TestTooBriefARegistration(t *testing.T) {
	r := newRig(t)
	run, contact := registration(t, "1006", "", false)
	r.again(&run, "register_interval_too_brief", "<"+contact+">", 5)
	r.bound("1006")
}

// bound checks the agent's reachable contacts, in any order.
func (r *rig) bound(number string, want ...string) {
	r.t.Helper()
	got := r.contacts(number)
	if len(got) != len(want) {
		r.t.Fatalf("%s is bound to %q, want %q", number, got, want)
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			r.t.Fatalf("%s is bound to %q, want %q", number, got, want)
		}
	}
}
