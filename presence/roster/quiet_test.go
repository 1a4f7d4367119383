package roster

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/store/sim"
)

func TestRule13_QuietPhoneIsLeftOutForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, presence.Policy{}, 1, sim.Options{})
		defer b.close()
		phone := presence.Registration{ID: "b1", Device: presence.DeviceID{ID: presence.NewID()}, Kind: presence.KindDesk, Contact: "sip:a@b", Alive: true}
		b.do("", SetOptions{Options: presence.Options{SIPPhone: true}}, PutRegistration{Registration: phone})
		quiet := Quiet{ID: "b1", Until: time.Now().Add(5 * time.Minute)}
		s := b.do("", quiet)
		if s.Reachable || len(s.Warnings) != 1 || s.Devices[0].Why == "" {
			t.Errorf("left out: %+v %q", s.Devices, s.Warnings)
		}
		if again := b.do("", quiet, Quiet{ID: "unknown", Until: quiet.Until}); again.Version != s.Version {
			t.Error("the same again is a change")
		}
		time.Sleep(5*time.Minute + time.Millisecond)
		synctest.Wait()
		if s := b.snapshot(); !s.Reachable || len(s.Warnings) != 0 {
			t.Errorf("still left out: %+v %q", s.Devices, s.Warnings)
		}
		b.do("", Quiet{ID: "b1", Until: time.Now().Add(5 * time.Minute)})
		if s := b.do("", PutRegistration{Registration: phone}); !s.Reachable {
			t.Errorf("left out though it registered: %+v", s.Devices)
		}
	})
}
