package registrar_test

import (
	"testing"
	"time"

	"lamplight/sip/registrar"
)

// New limits hold from the next REGISTER on, also if it repeats to the letter what
// was granted by the old ones.
func TestNewLimitsHoldFromTheNextRegister(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{MaxExpires: time.Hour})
		p := h.phone("1001", "10.0.1.1:5060")
		refresh := func(want string) {
			t.Helper()
			res := p.register("Contact: <sip:1001@10.0.1.1>", "Expires: 3600")
			wantStatus(t, res, 200)
			if got := contacts(res); got != "<sip:1001@10.0.1.1>;expires="+want {
				t.Errorf("granted %s, want %s", got, want)
			}
		}
		refresh("3600")
		refresh("3600")
		set := func(l registrar.Limits) {
			t.Helper()
			if err := h.reg.SetLimits(l); err != nil {
				t.Fatal(err)
			}
		}
		set(registrar.Limits{MaxExpires: 10 * time.Minute, DefaultExpires: 10 * time.Minute, ServiceRoute: []string{"sip:edge.test;lr"}, Contacts: 1, Excess: registrar.ExcessReject})
		refresh("600")
		refresh("600")
		res := h.phone("1001", "10.0.1.1:5062").register("Contact: <sip:second@10.0.1.1:5062>", "Expires: 600")
		wantStatus(t, res, 403)
		if got := p.register("Contact: <sip:1001@10.0.1.1>", "Expires: 3600").Get("Service-Route"); got != "<sip:edge.test;lr>" {
			t.Errorf("Service-Route %q", got)
		}
		set(registrar.Limits{})
		refresh("3600")
		if err := h.reg.SetLimits(registrar.Limits{MinExpires: 2 * time.Hour}); err == nil {
			t.Error("limits that contradict each other were taken")
		}
		refresh("3600")
	})
}
