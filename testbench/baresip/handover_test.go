//go:build testbench

package baresip

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// the tone of the third.
const thirdTone = 1700

// three are the softphones of 1001, 1002 and 1003, each with a tone of its own, and
// where it keeps what it hears; the last picks up by itself.
func three(t *testing.T, s *lab.Server, transport string) (phones [3]*softphone, heard [3]string) {
	t.Helper()
	for i, tone := range [3]int{callerTone, calleeTone, thirdTone} {
		number := fmt.Sprint(1001 + i)
		heard[i] = t.TempDir()
		phones[i] = start(t, s, options{number: number, user: number, password: "demo-" + number, transport: transport, tone: tone, record: heard[i], auto: i == 2})
		registered(t, s, number, strings.ToUpper(transport))
	}
	return phones, heard
}

// rings waits until a phone is called.
func (p *softphone) rings() {
	p.t.Helper()
	lab.Eventually(p.t, 10*time.Second, func() error {
		if list := p.command("listcalls"); !strings.Contains(list, "INCOMING") {
			return fmt.Errorf("nothing rings: %q", list)
		}
		return nil
	})
}

// heardIn looks for the tone in what any call of a phone had in it, from share to
// share of its length.
func heardIn(t *testing.T, dir string, want, other int, from, to float64) {
	t.Helper()
	lab.Eventually(t, 8*time.Second, func() error {
		files, _ := filepath.Glob(filepath.Join(dir, "*dec.wav"))
		why := "nothing was heard"
		for _, file := range files {
			rate, samples, err := wave(file)
			if err != nil || len(samples) < rate {
				continue
			}
			part := samples[int(float64(len(samples))*from):int(float64(len(samples))*to)]
			strong, weak := power(part, rate, want), power(part, rate, other)
			if strong > 100*weak && strong > 0.01 {
				return nil
			}
			why = fmt.Sprintf("%s at %d Hz %.4f, at %d Hz %.4f of the power", filepath.Base(file), want, strong, other, weak)
		}
		return fmt.Errorf("%s, of %d files", why, len(files))
	})
}

// TestPickupByCode: 1001 calls 1002, and 1003 picks up: they hear each other.
func TestPickupByCode(t *testing.T) {
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			phones, heard := three(t, s, transport)
			phones[0].command("dial sip:1002@" + domain)
			phones[1].rings()
			phones[2].command("dial sip:**1002@" + domain)
			s.TeamStatus("1003", "on_a_call", 10*time.Second)
			s.TeamStatus("1001", "on_a_call", 5*time.Second)
			time.Sleep(3 * time.Second) // they speak
			if got := s.Agent("1002").Status.Team.Status; got != "offline" {
				t.Errorf("where it rang shows %s", got)
			}
			if list := phones[1].command("listcalls"); strings.Contains(list, "INCOMING") {
				t.Errorf("it still rings: %q", list)
			}
			phones[0].command("hangup")
			s.TeamStatus("1001", "offline", 5*time.Second)
			s.TeamStatus("1003", "offline", 5*time.Second)
			heardIn(t, heard[0], thirdTone, callerTone, 0.25, 0.75)
			heardIn(t, heard[2], callerTone, thirdTone, 0.25, 0.75)
		})
	}
}

// TestBlindTransfer: 1001 calls 1002, who sends him on to 1003.
func TestBlindTransfer(t *testing.T) {
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			phones, heard := three(t, s, transport)
			phones[0].command("dial sip:1002@" + domain)
			phones[1].rings()
			phones[1].command("accept")
			s.TeamStatus("1002", "on_a_call", 5*time.Second)
			time.Sleep(time.Second)
			phones[1].command("transfer sip:1003@" + domain)
			s.TeamStatus("1003", "on_a_call", 10*time.Second)
			s.TeamStatus("1002", "offline", 10*time.Second)
			s.TeamStatus("1001", "on_a_call", 5*time.Second)
			time.Sleep(3 * time.Second)
			phones[2].command("hangup")
			s.TeamStatus("1003", "offline", 5*time.Second)
			heardIn(t, heard[0], thirdTone, callerTone, 0.25, 0.75)
			heardIn(t, heard[2], callerTone, thirdTone, 0.25, 0.75)
			phones[0].command("hangup") // 1.0.0 may keep the old call
			s.TeamStatus("1001", "offline", 5*time.Second)
		})
	}
}

// TestHoldAndResumeWithSound: they hear each other before and after.
func TestHoldAndResumeWithSound(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	phones, heard := three(t, s, "tcp")
	phones[0].command("dial sip:1003@" + domain)
	s.TeamStatus("1003", "on_a_call", 10*time.Second)
	time.Sleep(2 * time.Second)
	phones[0].command("hold")
	lab.Eventually(t, 5*time.Second, func() error {
		if list := phones[0].command("listcalls"); !strings.Contains(list, "hold") {
			return fmt.Errorf("not held: %q", list)
		}
		return nil
	})
	s.TeamStatus("1001", "on_a_call", time.Second) // held is
	time.Sleep(time.Second)
	phones[0].command("resume")
	time.Sleep(3 * time.Second)
	phones[0].command("hangup")
	s.TeamStatus("1001", "offline", 5*time.Second)
	heardIn(t, heard[2], callerTone, thirdTone, 0.05, 0.2)
	heardIn(t, heard[2], callerTone, thirdTone, 0.8, 0.95)
	heardIn(t, heard[0], thirdTone, callerTone, 0.8, 0.95)
}
