//go:build testbench

package browser

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/sipp"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/rtp"
)

// SIPp plays packets from a file but cannot tell what it hears. So the test writes the
// file, and listens to what comes to SIPp's port.

// eventType is the payload type of keys in the scenarios.
const eventType = 101

// eavesdrop hears the RTP that comes to a port of somebody else on a loopback address.
func eavesdrop(t *testing.T, host string, port int) *mediatest.Ear {
	t.Helper()
	c, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "ip4:udp", host)
	if err != nil {
		t.Fatalf("listen to SIPp's audio, as root: %v", err)
	}
	ear, done := mediatest.NewEar(), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			const head = 8
			if n < head || int(binary.BigEndian.Uint16(buf[2:])) != port || rtp.IsReport(buf[head:n]) {
				continue
			}
			if p, ok := rtp.Parse(buf[head:n], 0); ok {
				ear.Hear(&p, 8000, p.Type == eventType)
			}
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done })
	return ear
}

// recording writes what SIPp is to play: a tone in PCMU, or PCMA, with keys pressed a
// second after its beginning, in the form of a capture.
func recording(t *testing.T, voice mediatest.Voice, keys string, long time.Duration) string {
	t.Helper()
	le, be := binary.LittleEndian, binary.BigEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = le.AppendUint32(append(b, 0, 0, 0, 0, 0, 0, 0, 0), 65535)
	b = le.AppendUint32(b, 1) // Ethernet
	const frame, second, ethernet, ip, udp = 20 * time.Millisecond, 50, 14, 20, 8
	seq, kind := uint16(0), uint8(0)
	if voice.A {
		kind = 8
	}
	put := func(i, at int, kind uint8, marker bool, payload []byte) {
		n := udp + rtp.HeaderSize + len(payload)
		when := time.Duration(i) * frame
		b = le.AppendUint32(le.AppendUint32(b, uint32(when/time.Second)), uint32(when%time.Second/time.Microsecond))
		b = le.AppendUint32(le.AppendUint32(b, uint32(ethernet+ip+n)), uint32(ethernet+ip+n))
		b = be.AppendUint16(append(b, make([]byte, 12)...), 0x0800)
		b = be.AppendUint16(append(b, 0x45, 0), uint16(ip+n))
		b = append(b, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1)
		b = be.AppendUint16(be.AppendUint16(b, 4000), 4000)
		b = be.AppendUint16(be.AppendUint16(b, uint16(n)), 0)
		head := make([]byte, rtp.HeaderSize)
		seq++
		rtp.Put(head, kind, marker, seq, uint32(160*at), 0x51bb)
		b = append(append(b, head...), payload...)
	}
	frames := int(long / frame)
	for i := 0; i < frames; i++ {
		if key := (i - second) / 10; i >= second && key < len(keys) && (i-second)%10 < 7 {
			at, step := i-(i-second)%10, (i-second)%10 // RFC 4733: pressed for 100 ms, its end told three times
			code, _ := rtp.EventCode(keys[key])
			event := make([]byte, rtp.EventSize)
			rtp.PutEvent(event, code, step >= 4, uint16(160*(min(step, 4)+1)))
			put(i, at, eventType, step == 0, event)
			continue
		}
		payload := make([]byte, 160)
		voice.Say(payload)
		put(i, i, kind, i == 0, payload)
	}
	name := filepath.Join(t.TempDir(), "tone.pcap")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// sippOf starts a scenario of this folder with what it plays, and hears what comes to it.
// SIPp takes no keyword for the status that it answers with: it is put in here.
func sippOf(t *testing.T, s *lab.Server, scenario, tone string, run sipp.Run) (*sipp.Process, *mediatest.Ear) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("scenarios", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	status := run.Keys["status"]
	run.Dir, run.Server, run.Timeout = t.TempDir(), s.SIP, time.Minute
	run.Scenario = filepath.Join(run.Dir, scenario+".xml")
	if err := os.WriteFile(run.Scenario, []byte(strings.NewReplacer("TONE", tone, "STATUS", status).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	const host = "127.0.0.5" // of its audio alone
	port, err := sipp.FreePort(host)
	if err != nil {
		t.Fatal(err)
	}
	ear := eavesdrop(t, host, port)
	run.Extra = append(run.Extra, "-m", "1", "-mi", host, "-mp", strconv.Itoa(port))
	p, err := sipp.Start(run)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s saw %q, and says: %v", scenario, p.Log(), p.Wait())
		}
	})
	return p, ear
}

// saw waits until a scenario has logged this, as the last of so many.
func saw(t *testing.T, p *sipp.Process, log ...string) {
	t.Helper()
	lab.Eventually(t, patience, func() error {
		if got := p.Log(); strings.Join(got, ", ") != strings.Join(log, ", ") {
			return fmt.Errorf("SIPp saw %q, want %q", got, log)
		}
		return nil
	})
}

// went waits until a scenario has gone as it is written.
func went(t *testing.T, p *sipp.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Fatal("SIPp waits for something still")
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
}

// recognises waits until an ear hears a tone now.
func recognises(t *testing.T, ear *mediatest.Ear, hz float64) {
	t.Helper()
	ear.Forget()
	lab.Eventually(t, patience, func() error { return ear.Recognises(hz) })
}
