//go:build testbench

package sipp

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// rig is a server with the demo configuration, and SIPp to use it with.
type rig struct {
	*lab.Server
	t   *testing.T
	dir string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{Server: lab.Start(t, lab.Options{}), t: t, dir: t.TempDir()}
}

// in is the rig for a subtest.
func (r *rig) in(t *testing.T) *rig { return &rig{Server: r.Server, t: t, dir: r.dir} }

// begin starts a scenario; the test's end ends it.
func (r *rig) begin(scenario string, run Run) *Process {
	r.t.Helper()
	run.Scenario = filepath.Join(r.Root, "testbench", "sipp", "scenarios", scenario+".xml")
	run.Dir, run.Server = r.dir, r.SIP
	run.Extra = append(run.Extra, "-m", "1")
	p, err := Start(run)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(p.Stop)
	return p
}

// run is begin, and waits until the scenario has gone as it is written.
func (r *rig) run(scenario string, run Run) *Process {
	r.t.Helper()
	p := r.begin(scenario, run)
	if err := p.Wait(); err != nil {
		r.t.Fatal(err)
	}
	return p
}

// phone is a demo device as a Run.
func phone(number, kind string) Run {
	user := number
	if kind != "" {
		user += "-" + kind
	}
	return Run{Number: number, User: user, Password: "demo-" + number}
}

// register registers a device for a while and returns its contact.
func (r *rig) register(number, kind string, seconds int) (contact string) {
	r.t.Helper()
	run := phone(number, kind)
	port, err := FreePort("127.0.0.1")
	if err != nil {
		r.t.Fatal(err)
	}
	run.Port = port
	contact = fmt.Sprintf("sip:%s@127.0.0.1:%d", run.User, port)
	run.Keys = map[string]string{"contact": "<" + contact + ">", "expires": fmt.Sprint(seconds)}
	r.run("register", run)
	return contact
}

// publish runs a scenario of a publication as the demo's PBX and returns the
// entity tag.
func (r *rig) publish(scenario, number string, keys map[string]string) (etag string) {
	r.t.Helper()
	all := map[string]string{"kind": "regular", "version": "0", "state": "confirmed", "dialog": "d1", "etag": ""}
	for k, v := range keys {
		all[k] = v
	}
	p := r.run(scenario, Run{Number: number, Keys: all})
	if log := p.Log(); len(log) > 0 {
		return log[len(log)-1]
	}
	return ""
}

// invite runs a scenario of an INVITE as the demo's PBX and returns what it
// logged.
func (r *rig) invite(scenario, number, kind string) string {
	r.t.Helper()
	p := r.run(scenario, Run{Number: number, Keys: map[string]string{"kind": kind}})
	return strings.Join(p.Log(), "\n")
}

// contacts are those of the agent's reachable devices, as the API has them.
func (r *rig) contacts(number string) []string {
	r.t.Helper()
	var list []string
	for _, d := range r.Agent(number).Devices {
		if d.Reachable && d.Contact != "" {
			list = append(list, d.Contact)
		}
	}
	slices.Sort(list)
	return list
}

// sees waits until the watcher has logged so many lines, of which the last is
// want, and reports how long it took.
func (r *rig) sees(p *Process, n int, want string) time.Duration {
	r.t.Helper()
	return lab.Eventually(r.t, 5*time.Second, func() error {
		log := p.Log()
		if len(log) < n || log[n-1] != want {
			select {
			case <-p.Done():
				r.t.Fatalf("the watcher ended, having seen %q: %v", log, p.Wait())
			default:
			}
			return fmt.Errorf("the watcher saw %q", log)
		}
		return nil
	})
}
