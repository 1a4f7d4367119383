package transaction

import (
	"fmt"
	"testing"
	"time"

	"lamplight/sip/siptest"
)

func TestCallForHelpFindsRoom(t *testing.T) {
	h, help := &handler{}, false
	urgent := func(uri string) bool { return help && uri != "" }
	inWorld(t, Options{Handler: h, MaxInvite: 1, MaxOutgoing: 1, Urgent: urgent}, func(t *testing.T, w *world) {
		p := w.peer("10.0.0.2:5060")
		n := 0
		invite := func() {
			n++
			p.SendRaw(text("INVITE", fmt.Sprint("z9hG4bK", n)))
		}
		invite()
		invite()
		p.Expect(siptest.Status(503))
		f := w.flow("10.0.0.2:5060")
		w.call(f)
		if second := w.call(f); second.told() != ErrOverload.Error() {
			t.Errorf("one too many was told %q", second.told())
		}
		help = true
		for range urgentRoom {
			invite()
			if c := w.call(f); c.told() != "" {
				t.Errorf("a call for help was told %q", c.told())
			}
		}
		invite() // that room is bounded too
		p.Expect(siptest.Status(503))
		if c := w.call(f); c.told() != ErrOverload.Error() {
			t.Errorf("one too many for help was told %q", c.told())
		}
		if h.count("INVITE") != 1+urgentRoom {
			t.Errorf("%d INVITEs came through", h.count("INVITE"))
		}
		for _, r := range h.got {
			r.Reply(486)
		}
		time.Sleep(40 * time.Second)
		p.Close()
	})
}
