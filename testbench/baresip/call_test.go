//go:build testbench

package baresip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// tones that are far apart, and no multiples of each other.
const (
	callerTone = 440
	calleeTone = 1000
)

func TestCallThroughTheProxy(t *testing.T) {
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			heardBy := map[string]string{"1001": t.TempDir(), "1002": t.TempDir()}
			a := start(t, s, options{number: "1001", user: "1001", password: "demo-1001", transport: transport, tone: callerTone, record: heardBy["1001"]})
			b := start(t, s, options{number: "1002", user: "1002", password: "demo-1002", transport: transport, tone: calleeTone, record: heardBy["1002"]})
			for _, number := range []string{"1001", "1002"} {
				registered(t, s, number, strings.ToUpper(transport))
			}

			a.command("dial sip:1002@" + domain)
			s.TeamStatus("1001", "on_a_call", 5*time.Second) // dialling is (rule 3)
			lab.Eventually(t, 10*time.Second, func() error {
				if list := b.command("listcalls"); !strings.Contains(list, "INCOMING") {
					return fmt.Errorf("nothing rings: %q", list)
				}
				return nil
			})
			if got := s.Agent("1002").Status.Team.Status; got != "offline" {
				t.Errorf("ringing shows %s", got)
			}
			b.command("accept")
			s.TeamStatus("1002", "on_a_call", 5*time.Second)
			time.Sleep(3 * time.Second) // they speak

			a.command("hold")
			lab.Eventually(t, 5*time.Second, func() error {
				if list := a.command("listcalls"); !strings.Contains(list, "on-hold") && !strings.Contains(list, "hold") {
					return fmt.Errorf("not held: %q", list)
				}
				return nil
			})
			a.command("resume")
			time.Sleep(500 * time.Millisecond)
			b.command("hangup")
			s.TeamStatus("1001", "offline", 5*time.Second)
			s.TeamStatus("1002", "offline", 5*time.Second)

			for number, want := range map[string]int{"1001": calleeTone, "1002": callerTone} {
				hears(t, heardBy[number], want)
			}
		})
	}
}

// hears looks for the tone in what was decoded: measured, not counted.
func hears(t *testing.T, dir string, want int) {
	t.Helper()
	lab.Eventually(t, 5*time.Second, func() error {
		files, _ := filepath.Glob(filepath.Join(dir, "*dec.wav"))
		if len(files) == 0 {
			return errors.New("nothing was heard")
		}
		rate, samples, err := wave(files[0])
		if err != nil {
			return err
		}
		if len(samples) < rate {
			return fmt.Errorf("only %d samples", len(samples))
		}
		middle := samples[len(samples)/4 : len(samples)/2]
		strong, weak := power(middle, rate, want), power(middle, rate, callerTone+calleeTone-want)
		if strong < 100*weak || strong < 0.01 {
			return fmt.Errorf("at %d Hz %.4f, at the own tone %.4f of the power", want, strong, weak)
		}
		return nil
	})
}

// wave reads a WAV file of 16-bit samples.
func wave(name string) (rate int, samples []int16, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, nil, err
	}
	if len(b) < 44 || string(b[:4]) != "RIFF" {
		return 0, nil, fmt.Errorf("%s is no WAV file", name)
	}
	for b = b[44:]; len(b) >= 2; b = b[2:] {
		samples = append(samples, int16(binary.LittleEndian.Uint16(b)))
	}
	return 8000, samples, nil
}

// power is the share of one frequency in the signal's power (Goertzel).
func power(samples []int16, rate, hz int) float64 {
	w := 2 * math.Cos(2*math.Pi*float64(hz)/float64(rate))
	var s1, s2, total float64
	for _, x := range samples {
		v := float64(x) / 32768
		s1, s2 = v+w*s1-s2, s1
		total += v * v
	}
	if total == 0 {
		return 0
	}
	return 2 * (s1*s1 + s2*s2 - w*s1*s2) / (total * float64(len(samples)))
}
