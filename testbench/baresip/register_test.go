//go:build testbench

package baresip

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// registration is one as the API lists it.
type registration struct {
	Contact   string `json:"contact"`
	Transport string `json:"transport"`
	Agent     string `json:"user_agent"`
	Alive     bool   `json:"alive"`
}

func registrations(s *lab.Server, number string) []registration {
	var list struct {
		Registrations []registration `json:"registrations"`
	}
	s.API("GET", "/agents/"+number+"/registrations", nil, &list)
	return list.Registrations
}

// registered waits until the agent has the one registration of the transport.
func registered(t *testing.T, s *lab.Server, number, transport string) registration {
	t.Helper()
	var got []registration
	lab.Eventually(t, 10*time.Second, func() error {
		got = registrations(s, number)
		if len(got) != 1 || got[0].Transport != transport || !got[0].Alive {
			return fmt.Errorf("registered: %+v", got)
		}
		return nil
	})
	return got[0]
}

// targets are the URIs a call to the agent would ring.
func targets(s *lab.Server, number string) (uris []string) {
	var d struct {
		Steps []struct {
			Targets []struct {
				URI string `json:"uri"`
			} `json:"targets"`
		} `json:"steps"`
	}
	s.API("POST", "/route", map[string]string{"agent": number}, &d)
	for _, step := range d.Steps {
		for _, target := range step.Targets {
			uris = append(uris, target.URI)
		}
	}
	return uris
}

func TestRegistersAndUnregistersAtQuit(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			p := start(t, s, options{
				number: "1001", user: "1001-soft", password: "demo-1001", transport: transport,
				config: []string{"sip_verify_server yes", "sip_cafile " + filepath.Join(s.Data, "self-signed.crt")},
			})
			r := registered(t, s, "1001", strings.ToUpper(transport))
			if !strings.Contains(r.Contact, "@127.0.0.1:") || !strings.HasPrefix(r.Agent, "baresip") {
				t.Errorf("registered %+v", r)
			}
			if transport != "udp" && !strings.Contains(r.Contact, "transport="+transport) {
				t.Errorf("contact %s does not name its transport", r.Contact)
			}
			if got := targets(s, "1001"); len(got) != 1 || got[0] != r.Contact {
				t.Errorf("a call would ring %q, want %s", got, r.Contact)
			}
			p.command("quit")
			<-p.done
			if !strings.Contains(p.printed(), "ua exited") {
				t.Error("baresip did not quit by itself")
			}
			lab.Eventually(t, 2*time.Second, func() error {
				if got := registrations(s, "1001"); len(got) > 0 {
					return fmt.Errorf("still registered: %+v", got)
				}
				return nil
			})
		})
	}
}

// A connection that breaks takes its registration with it: the phone is no
// target any more although its registration would have lasted ten minutes.
func TestKilledSoftphoneIsNoTarget(t *testing.T) {
	for _, transport := range []string{"tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			p := start(t, s, options{
				number: "1001", user: "1001-soft", password: "demo-1001", transport: transport,
				config: []string{"sip_verify_server no"},
			})
			registered(t, s, "1001", strings.ToUpper(transport))
			if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-p.done
			took := lab.Eventually(t, time.Second, func() error {
				if got := targets(s, "1001"); len(got) > 0 {
					return fmt.Errorf("a call would still ring %q", got)
				}
				if got := registrations(s, "1001"); len(got) > 0 {
					return fmt.Errorf("still registered: %+v", got)
				}
				return nil
			})
			t.Logf("no target %s after the kill", took)
		})
	}
}

func TestWrongPasswordIsNotRegistered(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	p := start(t, s, options{number: "1001", user: "1001-soft", password: "demo-1002", transport: "udp"})
	lab.Eventually(t, 10*time.Second, func() error {
		if out := p.printed(); !strings.Contains(out, "401") && !strings.Contains(out, "Authentication") {
			return fmt.Errorf("baresip does not say that it was refused")
		}
		return nil
	})
	if got := registrations(s, "1001"); len(got) > 0 {
		t.Errorf("registered %+v", got)
	}
}
