package browser

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// OpenTalking starts a browser whose microphone hears a tone, and which may use it.
func OpenTalking(t testing.TB, s *lab.Server, hz int, more ...chromedp.ExecAllocatorOption) *Chromium {
	t.Helper()
	return openTalking(t, s, "http://"+s.HTTP, hz, more...)
}

func openTalking(t testing.TB, s *lab.Server, base string, hz int, more ...chromedp.ExecAllocatorOption) *Chromium {
	t.Helper()
	c := OpenAt(t, s, base, append(more,
		chromedp.Flag("use-file-for-fake-audio-capture", tone(t, hz)),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("mute-audio", false))...)
	c.Microphone(cdp.PermissionSettingGranted)
	return c
}

// listen has the page's connections noted from now on, and no sound of a person's
// voice made better, for the tone is none.
const listen = `
window.pcs = []
const Plain = RTCPeerConnection
window.RTCPeerConnection = class extends Plain { constructor(c) { super(c); pcs.push(this) } }
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
navigator.mediaDevices.getUserMedia = () => open({audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}})
window.loudest = async () => {
  const pc = pcs.filter(p => p.connectionState == 'connected').pop()
  if (!pc) return JSON.stringify({hz: 0, db: -999})
  if (!pc.ear) {
    const c = new AudioContext(); await c.resume()
    pc.ear = c.createAnalyser(); pc.ear.fftSize = 8192; pc.ear.smoothingTimeConstant = 0
    c.createMediaStreamSource(new MediaStream([pc.getReceivers()[0].track])).connect(pc.ear)
  }
  const a = new Float32Array(pc.ear.frequencyBinCount); pc.ear.getFloatFrequencyData(a)
  let m = 0; for (let i = 1; i < a.length; i++) if (a[i] > a[m]) m = i
  return JSON.stringify({hz: m * pc.ear.context.sampleRate / pc.ear.fftSize, db: isFinite(a[m]) ? a[m] : -999})
}
'ok'`

// Talker logs an agent in and waits until calls can ring there.
func (c *Chromium) Talker(number string) *Page {
	c.t.Helper()
	p := c.Login(number)
	p.Status("available")
	isTarget(c.t, c.s, number)
	p.Eval(listen)
	return p
}

// Hears waits until the tone is the loudest of what the page hears.
func (p *Page) Hears(hz int) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		var got struct{ Hz, DB float64 }
		if err := json.Unmarshal([]byte(p.Eval("loudest()")), &got); err != nil {
			return err
		}
		if math.Abs(got.Hz-float64(hz)) > 12 || got.DB < -70 {
			return fmt.Errorf("the page hears %.0f Hz at %.0f dB, want %d Hz", got.Hz, got.DB, hz)
		}
		return nil
	})
}

// Shows waits until there is an element of that test id, or none any more.
func (p *Page) Shows(id string, want bool) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if got := p.Eval(`String(document.querySelector('[data-testid=`+id+`]') !== null)`) == "true"; got != want {
			return fmt.Errorf("the page shows %s: %t", id, got)
		}
		return nil
	})
}

// Press clicks what has a test id, by its own handler: what floats above may not be
// still yet.
func (p *Page) Press(id string) {
	p.t.Helper()
	p.Shows(id, true)
	p.Eval(`document.querySelector('[data-testid="` + id + `"]').click(); 'ok'`)
}

// Dial types a number and calls it.
func (p *Page) Dial(number string) {
	p.t.Helper()
	p.run(p.ctx, chromedp.WaitVisible(`[data-testid=dial-number]`), chromedp.SendKeys(`[data-testid=dial-number]`, number+"\r"))
}

// tone is a WAV file of one second, which goes round without a seam.
func tone(t testing.TB, hz int) string {
	t.Helper()
	const rate = 48000
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), 36+2*rate)
	b = binary.LittleEndian.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, 1), 1)
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, rate), 2*rate)
	b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, 2), 16)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), 2*rate)
	for i := range rate {
		v := int16(8000 * math.Sin(2*math.Pi*float64(hz)*float64(i)/rate))
		b = binary.LittleEndian.AppendUint16(b, uint16(v)) //nolint:gosec // its bits
	}
	name := filepath.Join(t.TempDir(), "tone.wav")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
