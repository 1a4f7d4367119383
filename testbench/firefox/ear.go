package firefox

import (
	"encoding/json"
	"fmt"
	"math"

	"lamplight/testbench/lab"
)

// ear has the page's connections noted from now on, and measures what comes by the newest.
// On a machine without a sound card no AudioContext of Firefox runs, so the track is
// recorded for a moment, and what was recorded is taken to pieces: how loud is each
// frequency of 100 to 3000 Hz, in steps of 10?
const ear = `
window.pcs = []
const Plain = RTCPeerConnection
window.RTCPeerConnection = class extends Plain { constructor(c) { super(c); pcs.push(this) } }
const play = HTMLMediaElement.prototype.play
HTMLMediaElement.prototype.play = function () { window.player = this; return play.call(this) }
window.loudest = async () => {
  const pc = pcs.filter(p => p.connectionState == 'connected').pop()
  if (!pc) return JSON.stringify({why: 'no connection of ' + pcs.map(p => p.connectionState)})
  if (player.paused || player.srcObject?.getAudioTracks()[0] !== pc.getReceivers()[0].track) return JSON.stringify({why: 'nothing is played'})
  const recorder = new MediaRecorder(new MediaStream([pc.getReceivers()[0].track])), parts = []
  recorder.ondataavailable = e => parts.push(e.data)
  const ended = new Promise(r => recorder.onstop = r)
  recorder.start()
  await new Promise(r => setTimeout(r, 400))
  recorder.stop()
  await ended
  const c = new OfflineAudioContext(1, 1, 48000)
  const a = (await c.decodeAudioData(await new Blob(parts).arrayBuffer())).getChannelData(0).slice(-9600)
  let best = {hz: 0, power: 0}
  for (let hz = 100; hz <= 3000; hz += 10) { // Goertzel
    const k = 2 * Math.cos(2 * Math.PI * hz / 48000)
    let s1 = 0, s2 = 0
    for (const x of a) { const s = x + k * s1 - s2; s2 = s1; s1 = s }
    const power = s1 * s1 + s2 * s2 - k * s1 * s2
    if (power > best.power) best = {hz, power}
  }
  return JSON.stringify({hz: best.hz, db: 10 * Math.log10(4 * best.power / a.length / a.length + 1e-99)})
}
'ok'`

// Talker logs an agent in and waits until calls can ring there.
func (f *Firefox) Talker(number string) *Page {
	f.t.Helper()
	p := f.Login(number)
	p.Status("available")
	f.s.Target(number, patience)
	p.Eval(ear)
	return p
}

// Hears waits until the tone is the loudest of what the page plays of its call.
func (p *Page) Hears(hz int) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		var got struct {
			Hz, DB float64
			Why    string
		}
		if err := json.Unmarshal([]byte(p.Eval("loudest()")), &got); err != nil {
			return err
		}
		if math.Abs(got.Hz-float64(hz)) > 12 || got.DB < -50 {
			return fmt.Errorf("the page hears %.0f Hz at %.0f dB, want %d Hz %s", got.Hz, got.DB, hz, got.Why)
		}
		return nil
	})
}
