package proxy_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A caller whose stream ends while his call rings, and who does not come back, leaves
// nobody ringing, and the record says why.
func TestCallerWhoseStreamEndsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newRaceTrack(t)
		s.alone()
		phone := s.desk[0]
		p := siptest.NewStreamPeer(t, s.net, "10.0.0.9:5061", server)
		inv := ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
		rung := phone.Expect(siptest.Method("INVITE"))
		phone.Respond(rung, 180)
		synctest.Wait()
		p.Close()
		gone := time.Now()
		phone.ExpectNone(siptest.Method("CANCEL"), 4*time.Second) // he may come back
		c := phone.Expect(siptest.Method("CANCEL"))
		if d := time.Since(gone); d > 6*time.Second || !strings.Contains(c.Get(message.Reason), "connection is gone") {
			t.Errorf("after %s, because of %q", d, c.Get(message.Reason))
		}
		phone.Respond(c, 200)
		phone.Respond(rung, 487)
		phone.Expect(siptest.Method("ACK"))
		s.want("after all", "Offline")
		s.explained(inv.CallID(), "called 0, rings 180, the connection is gone, looked for 0 = 487")
	})
}

// A caller who takes connections where his Via says is answered there, even if the
// answer comes before he is back.
func TestCallerWhoseStreamEndsIsAnsweredByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newRaceTrack(t)
		s.alone()
		phone := s.desk[0]
		p := siptest.NewStreamPeer(t, s.net, "10.0.0.9:5061", server)
		inv := ring(p, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
		rung := phone.Expect(siptest.Method("INVITE"))
		phone.Respond(rung, 180)
		synctest.Wait()
		p.Close()
		synctest.Wait()
		answers(phone, rung)
		time.Sleep(2 * time.Second)
		l := s.net.Listen("10.0.0.9:5061")
		defer l.Close()
		defer time.AfterFunc(5*time.Second, func() { l.Close() }).Stop() // nobody comes
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		var got string
		for b := make([]byte, 4096); !strings.Contains(got, "SIP/2.0 200"); {
			n, err := conn.Read(b)
			if got += string(b[:n]); err != nil {
				t.Fatalf("%v after %q", err, got)
			}
		}
		if !strings.Contains(got, inv.CallID()) {
			t.Errorf("heard %q", got)
		}
		s.want("answered", "On a Call confirmed")
	})
}
