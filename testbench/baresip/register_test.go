//go:build testbench

package baresip

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/sip/siptest"
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

// baresip 1.0 takes any certificate, so what a stricter phone does is done here:
// it trusts the file that the server made and nothing else.
func TestSelfMadeCertificateIsGoodForItsAddress(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	pem, err := os.ReadFile(filepath.Join(s.Data, "self-signed.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("the file holds no certificate")
	}
	conn, err := tls.Dial("tcp", s.TLS, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Write(siptest.CRLF("OPTIONS sip:" + domain + " SIP/2.0\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK1;rport\n" +
		"From: <sip:a@b.test>;tag=1\nTo: <sip:" + domain + ">\nCall-ID: 1\nCSeq: 1 OPTIONS\nMax-Forwards: 70\nContent-Length: 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(answer, "SIP/2.0 200") {
		t.Fatalf("answered %q, %v", answer, err)
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
