//go:build testbench

package browser

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// cuts is the table of what a cut network does.
var cuts = truth{took: map[string][]time.Duration{}, limit: map[string]time.Duration{}} //nolint:gochecknoglobals // one table for the whole run, printed at its end

// writeCuts replaces their section of the results.
func (t *truth) writeCuts(file string) error {
	return replace(file, "## A browser's network is cut", stamp()+
		"Repeat, after `make build`, as root: `CUTS="+os.Getenv("CUTS")+" RESULTS=1 go test -tags testbench -count 1 -timeout 60m -run NetworkIsCut ./testbench/browser`.\n"+
		"A real Chromium, headless, in a network namespace of its own, behind a router; the server and a desk phone in another. The router "+
		"loses every packet both ways, or takes the browser's link down. Sound is a tone recognised at the other end. "+
		"Counted from when the last command that restores or changes the network has returned. At that moment the desk phone changes "+
		"its tone, and the page has to hear the new one; the desk phone has to hear 0.4 s of the page's, and packets of it must go on coming: "+
		"less means that packets which waited at the cut came in a burst. A tone must then stay for 1 s, which is not in the figure.\n\n"+t.table())
}

// wired is an agent's browser on a network that can be cut, and a desk phone that
// cannot.
type wired struct {
	*network
	t    *testing.T
	s    *lab.Server
	page *Page
	desk *telephone
	tone float64 // that the desk phone speaks
}

// TestABrowsersNetworkIsCut cuts a browser's network and restores it: while nothing
// happens, in a call, for too long, and for another one.
func TestABrowsersNetworkIsCut(t *testing.T) {
	n := apart(t)
	if n == nil {
		return
	}
	times, _ := strconv.Atoi(os.Getenv("CUTS"))
	all := times > 0 // every way and length; else what a short run has time for
	w := n.agent(t)
	defer w.diary(t)
	dark, unplugged := n.dark(), n.unplugged()
	for range max(times, 1) {
		t.Run("idle", func(t *testing.T) {
			w.idle(t, dark)
			if all {
				w.idle(t, unplugged)
			}
		})
		t.Run("in a call", func(t *testing.T) {
			w.dial(t)
			w.inACall(t, dark, 3*time.Second)
			if all {
				w.inACall(t, unplugged, 3*time.Second)
				w.inACall(t, dark, 6*time.Second)
				w.inACall(t, unplugged, 6*time.Second)
				w.inACall(t, dark, 9*time.Second)
				w.inACall(t, unplugged, 9*time.Second)
			} else { // the server has lost the page after 4 s
				w.inACall(t, unplugged, 5*time.Second)
				w.inACall(t, dark, 8*time.Second)
			}
			w.hangUp(t)
		})
		t.Run("changes in a call", w.changes)
		t.Run("for too long", func(t *testing.T) {
			if !all {
				w.tooLong(t, dark, 21*time.Second)
				return
			}
			w.tooLong(t, dark, 25*time.Second)
			w.tooLong(t, unplugged, 25*time.Second)
			// The browser does not know yet that its connections are dead.
			w.tooLong(t, dark, 17*time.Second)
			w.tooLong(t, unplugged, 17*time.Second)
		})
	}
}

// agent logs 1001 in, and registers the desk phone of 1002.
func (n *network) agent(t *testing.T) *wired {
	t.Helper()
	s := n.serve()
	w := &wired{network: n, t: t, s: s, page: n.open(s).Tab(), desk: newTelephone(t, s, "127.0.0.3", nil)}
	w.page.LogInBy("1001", apartSecret+"1001")
	w.page.Status("available")
	isTarget(t, s, "1001")
	w.page.Eval(listen)
	w.page.Eval(oldest)
	if m := w.desk.Register("sip:1002@demo.lamplight.test", "1002", apartSecret+"1002", 3600); m.Status != 200 {
		t.Fatalf("the desk phone registers: %d", m.Status)
	}
	return w
}

// diary logs what the page went through, if the test failed.
func (w *wired) diary(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Logf("what the page went through:\n%s", w.page.Eval(`diary.slice(-150).join('\n')`))
	}
}

// idle cuts the network of a page that waits for calls.
func (w *wired) idle(t *testing.T, c cut) {
	t.Helper()
	what := "idle, " + c.name
	isTarget(t, w.s, "1001")
	time.Sleep(1200*time.Millisecond + rand.N(time.Second)) // it is asked each second by now, at any moment of it
	began := time.Now()
	c.down()
	noTarget(t, w.s, "1001", patience)
	cuts.held(t, what+": no target", time.Since(began), 2500*time.Millisecond)
	w.s.TeamStatus("1001", "offline", patience)
	cuts.held(t, what+": Offline", time.Since(began), 5*time.Second)
	time.Sleep(6*time.Second - time.Since(began))
	began = time.Now()
	c.restore()
	w.s.TeamStatus("1001", "available", patience)
	cuts.held(t, what+", restored after 6 s: Available", time.Since(began), 10*time.Second)
	isTarget(t, w.s, "1001")
	w.page.Status("available")
}

// dial has the page call the desk phone, and both hear each other.
func (w *wired) dial(t *testing.T) {
	t.Helper()
	w.page.attribute(`[data-testid=microphone]`, "data-target", "true")
	w.page.Dial("1002")
	w.desk.inv = w.desk.Expect(siptest.Method("INVITE"))
	w.desk.answer(w.desk.inv)
	w.desk.Expect(siptest.Method("ACK"))
	w.sound(t, "", patience)
	onACall(t, w.s, "1001", true)
}

// hangUp ends the call at the page: it has been one dialog all along.
func (w *wired) hangUp(t *testing.T) {
	t.Helper()
	w.page.Press("hangup")
	w.hungUp(t, patience)
}

// hungUp waits until the desk phone is told that its call is over.
func (w *wired) hungUp(t *testing.T, within time.Duration) {
	t.Helper()
	w.desk.Timeout = within
	bye := w.desk.Expect(siptest.Method("BYE"))
	w.desk.Timeout = patience
	w.desk.Respond(bye, 200)
	if got, want := bye.Get("Call-ID"), w.desk.inv.Get("Call-ID"); got != want {
		t.Errorf("hung up is %q, not the call %q", got, want)
	}
	onACall(t, w.s, "1001", false)
}

// inACall cuts the network in a call. The call goes on, and is the same for the desk
// phone and for whoever looks at the agent.
func (w *wired) inACall(t *testing.T, c cut, pause time.Duration) {
	t.Helper()
	since := w.s.Agent("1001").Status.Team.Since
	c.down()
	time.Sleep(pause)
	began := time.Now()
	c.restore()
	w.sound(t, fmt.Sprintf("in a call, %s for %d s, restored", c.name, pause/time.Second), 10*time.Second)
	t.Logf("%s for %s: sound after %s", c.name, pause, time.Since(began))
	w.same(t, since)
}

// same: the call is the one it was, and the page has it in hand.
func (w *wired) same(t *testing.T, since time.Time) {
	t.Helper()
	w.desk.ExpectNone(siptest.Method("INVITE"), 0)
	w.desk.ExpectNone(siptest.Method("BYE"), 0)
	if v := w.s.Agent("1001").Status.Team; v.Status != "on_a_call" || !v.Since.Equal(since) {
		t.Errorf("after the cut: %+v, before since %s", v, since)
	}
	w.page.Shows("call-warning", false)
}

// changes moves the browser to another network in a call, and gives it another
// address in the one where it is.
func (w *wired) changes(t *testing.T) {
	w.dial(t)
	since := w.s.Agent("1001").Status.Team.Since
	w.toRadio(time.Second)
	w.sound(t, "in a call, another network with another address after 1 s without", 10*time.Second)
	w.same(t, since)
	w.toCable()
	w.sound(t, "in a call, back in the first network at once", 10*time.Second)
	w.same(t, since)
	w.readdress(cableAddr, "10.77.1.3")
	w.sound(t, "in a call, another address in the same network", 10*time.Second)
	w.readdress("10.77.1.3", cableAddr)
	w.sound(t, "in a call, another address in the same network", 10*time.Second)
	w.same(t, since)
	w.hangUp(t)
}

// tooLong cuts the network for longer than a call waits for its page.
func (w *wired) tooLong(t *testing.T, c cut, pause time.Duration) {
	t.Helper()
	w.dial(t)
	what := fmt.Sprintf("in a call, %s for %d s", c.name, pause/time.Second)
	began := time.Now()
	c.down()
	w.hungUp(t, 25*time.Second)
	cuts.held(t, what+": the desk phone is hung up, nobody is On a Call", time.Since(began), 20*time.Second)
	time.Sleep(pause - time.Since(began))
	began = time.Now()
	c.restore()
	w.page.Says("phone", "The connection to the server was lost")
	cuts.held(t, what+", restored: the agent is told", time.Since(began), 10*time.Second)
	w.s.TeamStatus("1001", "available", patience)
	isTarget(t, w.s, "1001")
}

// oldest has the page listen to the connection of its call, not to those of test calls
// that come later.
const oldest = `
window.ears = new WeakMap()
window.diary = []
const note = (...what) => diary.push(new Date().toISOString().slice(17, 23) + ' ' + what.join(' '))
for (const what of ['online', 'offline']) addEventListener(what, () => note(what))
const send = WebSocket.prototype.send
WebSocket.prototype.send = function (m) { if (!m.includes('"pong"')) note('says', m.slice(0, 60)); return send.call(this, m) }
const Socket = WebSocket
window.WebSocket = class extends Socket {
  constructor(...a) {
    super(...a); note('opens a socket')
    this.addEventListener('open', () => note('socket open'))
    this.addEventListener('close', e => note('socket closed', e.code))
    this.addEventListener('message', e => { if (!e.data.includes('"ping"')) note('hears', e.data.slice(0, 60)) })
  }
}
const Noted = RTCPeerConnection
window.RTCPeerConnection = class extends Noted {
  constructor(c) {
    super(c)
    const id = pcs.length
    for (const s of ['connectionState', 'iceConnectionState', 'iceGatheringState'])
      this.addEventListener(s.toLowerCase() + 'change', () => note('connection', id, s, this[s]))
    this.addEventListener('icecandidate', e => note('connection', id, 'candidate', e.candidate?.candidate))
  }
}
window.hears = async () => {
  const pc = pcs.find(p => p.connectionState != 'closed' && p.getReceivers()[0]?.track)
  if (!pc) return JSON.stringify({hz: 0, db: -999, state: 'none'})
  let ear = ears.get(pc)
  if (!ear) {
    const c = new AudioContext(); await c.resume()
    ear = c.createAnalyser(); ear.fftSize = 8192; ear.smoothingTimeConstant = 0
    c.createMediaStreamSource(new MediaStream([pc.getReceivers()[0].track])).connect(ear)
    ears.set(pc, ear)
  }
  const a = new Float32Array(ear.frequencyBinCount); ear.getFloatFrequencyData(a)
  let m = 0; for (let i = 1; i < a.length; i++) if (a[i] > a[m]) m = i
  return JSON.stringify({hz: m * ear.context.sampleRate / ear.fftSize, db: isFinite(a[m]) ? a[m] : -999, state: pc.connectionState + '/' + pc.iceConnectionState})
}
'ok'`

// A tone has to be recognised for so long, without a longer break: a busy machine
// makes short ones.
const (
	steady   = time.Second
	breather = 600 * time.Millisecond
)

// ear is since when a tone is recognised, and when it was last; from the beginning.
type ear struct{ since, last time.Duration }

func (e *ear) hears(so bool, now time.Duration) {
	switch {
	case so && (e.since == 0 || now-e.last > breather):
		e.since, e.last = now, now
	case so:
		e.last = now
	}
}

func (e *ear) steady(now time.Duration) bool {
	return e.since > 0 && e.last-e.since >= steady && now-e.last <= breather
}

// otherTone is what the desk phone speaks when it does not speak phoneTone.
const otherTone = 1600

// sound waits until each side recognises the other's tone, and notes how soon that
// was. What was said before does not count: the desk phone changes its tone now, and
// what it has heard lately counts as long as packets come.
func (w *wired) sound(t *testing.T, what string, within time.Duration) {
	t.Helper()
	if w.tone != otherTone {
		w.tone = otherTone
	} else {
		w.tone = phoneTone
	}
	w.desk.Tone(w.tone)
	w.desk.Ear.Forget()
	began, packets := time.Now(), w.desk.Ear.Report().Packets
	var page, desk ear
	lab.Eventually(t, max(within, patience), func() error {
		var got struct {
			Hz, DB float64
			State  string
		}
		if err := json.Unmarshal([]byte(w.page.Eval("hears()")), &got); err != nil {
			return err
		}
		err := w.desk.Ear.Recognises(micTone)
		now := time.Since(began)
		page.hears(math.Abs(got.Hz-w.tone) < 12 && got.DB > -70, now)
		more := w.desk.Ear.Report().Packets
		desk.hears(err == nil && more > packets, now)
		packets = more
		if !page.steady(now) || !desk.steady(now) {
			return fmt.Errorf("the page (%s) hears %.0f Hz at %.0f dB (%v), the desk phone (%v): %w", got.State, got.Hz, got.DB, page, desk, err)
		}
		return nil
	})
	if what != "" {
		cuts.held(t, what+": the page hears the desk phone", page.since, within)
		cuts.held(t, what+": the desk phone hears the page", desk.since, within)
	}
}
