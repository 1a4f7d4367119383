package anchor

import (
	"fmt"
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
)

// loses is who follows the calls: he asks at once how to hang up.
func (r *rig) loses(d message.DialogName) {
	if l, ok := r.cs.Lost(d); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, l)
	}
}

// lost checks what was hung up, and how.
func (r *rig) lost(want ...string) {
	r.t.Helper()
	r.cs.work.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []string
	for _, l := range r.told {
		got = append(got, fmt.Sprint(l.Caller, " ", l.CallerSeq, " ", l.Callee, " ", l.CalleeSeq))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("hung up: %q, want %q", got, want)
	}
}

// talks has a browser call a phone, whose number of the INVITE is that much ahead.
func (r *rig) talks(ahead int) {
	r.t.Helper()
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone", r.desk, "tel-offer-1", 0)
	res := r.retag(r.response(200, "tel"), "CSeq: 1 ", fmt.Sprintf("CSeq: %d ", 1+ahead))
	if body, _ := c.Response(res, "phone"); string(body) != "web-answer-1" {
		r.t.Fatalf("answered %q", body)
	}
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.open(1)
}

// Each side is told under the number after the last that the other has used.
func TestACallThatLosesItsAudioIsHungUp(t *testing.T) {
	r := newRig(t)
	r.talks(1)
	r.cs.Seen(r.retag(r.message("INFO sip:x SIP/2.0", "", true), "CSeq: 1 ", "CSeq: 7 "))
	r.cs.Seen(r.retag(r.message("INFO sip:x SIP/2.0", "", false), "CSeq: 1 ", "CSeq: 4 "))
	r.cs.Seen(r.retag(r.message("INFO sip:x SIP/2.0", "", false), "CSeq: 1 ", "CSeq: 9 ", "tag=callee", "tag=y"))
	close(r.made()[0].dead)
	r.open()
	r.lost("<sip:a@x>;tag=caller 6 <sip:b@x>;tag=callee 8")
}

func TestACallThatHasEndedIsNotHungUp(t *testing.T) {
	r := newRig(t)
	r.talks(0)
	r.cs.Seen(r.message("BYE sip:x SIP/2.0", "", true))
	r.open()
	r.lost()
}

// Who follows the calls finds one lost that we do not.
func TestACallThatIsFoundLostLosesItsAudio(t *testing.T) {
	r := newRig(t)
	r.talks(0)
	r.loses(message.DialogName{CallID: "c1", FromTag: "caller", ToTag: "another"})
	r.loses(message.DialogName{CallID: "c2", FromTag: "caller", ToTag: "callee"})
	r.open(1)
	name := message.DialogName{CallID: "c1", FromTag: "caller", ToTag: "callee"}
	r.loses(name)
	r.loses(name)
	r.open()
	r.lost("<sip:a@x>;tag=caller 2 <sip:b@x>;tag=callee 1")
	var none *Calls
	if _, ok := none.Lost(name); ok {
		t.Error("without a gateway")
	}
}

// Before there is an answer nothing can be lost.
func TestACallThatRingsIsNotLost(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone", r.desk, "tel-offer-1", 0)
	r.loses(message.DialogName{CallID: "c1", FromTag: "caller"})
	r.open(1)
	c.Told(fork.Event{What: fork.Over, Status: 486})
	r.open()
	r.lost()
}
