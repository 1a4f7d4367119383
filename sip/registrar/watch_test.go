package registrar_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/registrar"
)

// changes are what OnChange told, each as the ended contacts with their events.
type changes struct {
	mu   sync.Mutex
	told []string // mu guards it
}

func (c *changes) note(_ presence.AgentID, ended []registrar.Ended) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, e := range ended {
		out = append(out, fmt.Sprint(e.Binding.Contact, " ", e.Event))
	}
	slices.Sort(out)
	c.told = append(c.told, strings.Join(out, ", "))
}

// take is what was told since the last time.
func (c *changes) take() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.told
	c.told = nil
	return told
}

func TestCommittedChangesAreToldAndRefreshesAreNot(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		var c changes
		h.reg.OnChange(c.note)
		want := func(what string, told ...string) {
			t.Helper()
			time.Sleep(time.Second)
			if got := c.take(); !slices.Equal(got, told) {
				t.Errorf("%s: told %q, want %q", what, got, told)
			}
		}
		p := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, p.register("Contact: <sip:a@10.0.1.1>;expires=600"), 200)
		want("a new contact", "")
		wantStatus(t, p.register("Contact: <sip:a@10.0.1.1>;expires=600"), 200)
		wantStatus(t, p.register("Contact: <sip:a@10.0.1.1>;expires=600"), 200)
		wantStatus(t, p.register(), 200)
		want("refreshes and a query")
		h.store.FailNext(1)
		wantStatus(t, p.register("Contact: <sip:a@10.0.1.1>;expires=0"), 503)
		want("a change that did not commit")
		wantStatus(t, p.register("Contact: <sip:a@10.0.1.1>;expires=0"), 200)
		want("removed", "sip:a@10.0.1.1 unregistered")

		s := h.stream("1001-soft", "10.0.1.2:40000")
		wantStatus(t, s.register("Contact: <sip:s@10.0.1.2;transport=tcp>"), 200)
		s.Close()
		want("a flow that ended", "", "sip:s@10.0.1.2;transport=tcp deactivated")

		wantStatus(t, p.register("Contact: <sip:b@10.0.1.1>;expires=60"), 200)
		time.Sleep(75 * time.Second)
		want("expired", "", "sip:b@10.0.1.1 expired")

		m := h.phone("1001-mobile", "10.0.1.3:5060")
		wantStatus(t, m.register("Contact: <sip:m@10.0.1.3>"), 200)
		a, _ := h.dir.Agent(h.agent("1001"))
		for _, d := range h.dir.DevicesOf(a.ID, time.Now()) {
			if d.Name == "1001-mobile" {
				if err := h.dir.Apply(context.Background(), directory.Edit{Actor: "test", DeleteDevices: []presence.DeviceID{d.ID}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		want("a device that was deleted", "", "sip:m@10.0.1.3 rejected")

		wantStatus(t, p.register("Contact: <sip:d@10.0.1.1>"), 200)
		h.give("1001", "1002")
		want("a device that changed hands", "", "sip:d@10.0.1.1 rejected", "")
		h.give("1001", "1001")
		want("and back", "sip:d@10.0.1.1 rejected", "")
	})
}
