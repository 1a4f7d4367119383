//go:build testbench

package media

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
	"lamplight/webrtc/iceport"
	"lamplight/webrtc/media"
)

const patience = 20 * time.Second

// gateway opens one on loopback.
func gateway(t *testing.T) *media.Gateway {
	t.Helper()
	g, _ := gatewayAt(t)
	return g
}

func gatewayAt(t *testing.T) (*media.Gateway, netip.AddrPort) {
	t.Helper()
	port, err := iceport.Open(iceport.Options{Listen: "127.0.0.1:0", TCP: "127.0.0.1:0", Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	g, err := media.Open(media.Options{Port: port, Listen: netip.MustParseAddr("127.0.0.1"), Ports: [2]uint16{33000, 33099}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		_ = port.Close()
	})
	return g, port.Addr().(*net.UDPAddr).AddrPort()
}

// script is the page: it speaks by its microphone, or a tone it makes itself, and
// says which frequency is the loudest of what it hears.
const script = `<!doctype html><audio id="out" autoplay></audio><script>
const hear = new AudioContext(), ear = hear.createAnalyser(); ear.fftSize = 8192; ear.smoothingTimeConstant = 0
let pc, sender
async function start(hz, relay) {
  let stream
  if (hz) {
    const o = hear.createOscillator(), to = hear.createMediaStreamDestination(), g = hear.createGain()
    o.frequency.value = hz; g.gain.value = 0.3; o.connect(g).connect(to); o.start(); stream = to.stream
  } else {
    stream = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}})
  }
  pc = new RTCPeerConnection(relay ? {iceServers: [relay], iceTransportPolicy: "relay"} : {})
  pc.ontrack = e => {
    const s = new MediaStream([e.track]); document.getElementById('out').srcObject = s
    hear.createMediaStreamSource(s).connect(ear)
  }
  sender = pc.addTrack(stream.getTracks()[0], stream)
  await hear.resume()
  return ''
}
async function whole() {
  if (pc.iceGatheringState != 'complete') await new Promise(r => pc.onicegatheringstatechange = () => pc.iceGatheringState == 'complete' && r())
  return pc.localDescription.sdp
}
async function offer(restart) { await pc.setLocalDescription(await pc.createOffer({iceRestart: !!restart})); return whole() }
async function answer(sdp) { await pc.setRemoteDescription({type: 'offer', sdp}); await pc.setLocalDescription(await pc.createAnswer()); return whole() }
async function relays() { return String(pc.localDescription.sdp.split('typ relay').length - 1) }
async function accept(sdp) { await pc.setRemoteDescription({type: 'answer', sdp}); return '' }
async function way(d) { pc.getTransceivers()[0].direction = d; return '' }
async function press(d) { sender.dtmf.insertDTMF(d, 100, 70); return '' }
async function loudest() {
  const a = new Float32Array(ear.frequencyBinCount); ear.getFloatFrequencyData(a)
  let m = 0; for (let i = 1; i < a.length; i++) if (a[i] > a[m]) m = i
  return JSON.stringify({hz: m * hear.sampleRate / ear.fftSize, db: isFinite(a[m]) ? a[m] : -999})
}
async function stats() {
  let r = {}
  for (const s of (await pc.getStats()).values()) {
    if (s.type == 'inbound-rtp') Object.assign(r, {lost: s.packetsLost, received: s.packetsReceived, codec: s.codecId})
    if (s.type == 'remote-inbound-rtp') Object.assign(r, {rtt: s.roundTripTime, theirLost: s.packetsLost})
  }
  return JSON.stringify(r)
}
</script>`

// page is a tab of Chromium.
type page struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps its tab in one
}

// chromium starts a browser whose microphone hears the tone.
func chromium(t *testing.T, hz int) (context.Context, string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v (testbench/install chromium)", err)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(script))
	}))
	t.Cleanup(site.Close)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", tone(t, hz)),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("mute-audio", false),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors", true),
	)
	alloc, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() { cancel(); stop() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	_, err = chromedp.CallBrowser(ctx, cdp.SetPermission, cdp.SetPermissionParams{
		Permission: &cdp.PermissionDescriptor{Name: "microphone"}, Setting: cdp.PermissionSettingGranted, Origin: site.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx, site.URL
}

// tab opens the page: with hz 0 it speaks by the microphone.
func tab(browser context.Context, t *testing.T, url string, hz int) *page {
	t.Helper()
	return tabOf(browser, t, url, strconv.Itoa(hz))
}

// tabOf is tab with all that start is given.
func tabOf(browser context.Context, t *testing.T, url, start string) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, ctx: ctx}
	p.eval("start", start)
	return p
}

// eval calls a function of the page with a literal.
func (p *page) eval(f, argument string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](f+"("+argument+")", chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", f, err)
	}
	return s
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// hears waits until the tone is the loudest of what the page hears.
func (p *page) hears(hz int) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		var got struct{ Hz, DB float64 }
		if err := json.Unmarshal([]byte(p.eval("loudest", "")), &got); err != nil {
			return err
		}
		if math.Abs(got.Hz-float64(hz)) > 12 || got.DB < -70 {
			return fmt.Errorf("the page hears %.0f Hz at %.0f dB, want %d Hz", got.Hz, got.DB, hz)
		}
		return nil
	})
}

// tone is a WAV file of one second, which goes round without a seam.
func tone(t *testing.T, hz int) string {
	t.Helper()
	const rate = 48000
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, 36+2*rate)...)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{1, 1} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
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
