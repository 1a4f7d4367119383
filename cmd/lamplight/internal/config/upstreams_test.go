package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/sip/resolve"
)

func TestUpstreamsAreRead(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	file := filepath.Join(dir, "c.yaml")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, "from-a-file\n")
	write(file, `
sip: {udp: ["127.0.0.1:5060"]}
domains: [{name: ex.test}]
upstreams:
  - {name: a, address: "192.0.2.1:5070"}
  - {name: b, address: presence.example.com, transport: tls, user: u, password_file: `+secret+`, domains: [EX.test], events: [dialog], expiry: 1h, dialog_expiry: 5m, rate: 50, hide_callers: true}
  - {name: c, address: "[2001:db8::1]", transport: tcp, user: u}
`)
	c, err := Load(file, []string{"LAMPLIGHT_UPSTREAMS_2_PASSWORD=from-the-environment"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Publisher()
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	if got[0].Server != (resolve.Server{Transport: "UDP", Host: "192.0.2.1", Port: 5070}) {
		t.Errorf("%+v", got[0])
	}
	b := got[1]
	if b.Server != (resolve.Server{Transport: "TLS", Host: "presence.example.com"}) || b.Password != "from-a-file" || b.User != "u" ||
		b.Expiry != time.Hour || b.DialogExpiry != 5*time.Minute || b.Rate != 50 || !b.HideCallers || len(b.Events) != 1 || len(b.Domains) != 1 {
		t.Errorf("%+v", b)
	}
	if got[2].Password != "from-the-environment" {
		t.Errorf("%+v", got[2])
	}
}

func TestMistakesOfUpstreamsAreFound(t *testing.T) {
	for want, text := range map[string]string{
		"upstreams[0].name: a name without":           `{address: h}`,
		"upstreams[0].address: \"\" is not":           `{name: a}`,
		"upstreams[0].address: \"sip:h\":":            `{name: a, address: "sip:h"}`,
		"upstreams[0].transport: \"sctp\"":            `{name: a, address: h, transport: sctp}`,
		"upstreams[0].events[0]: \"reg\"":             `{name: a, address: h, events: [reg]}`,
		"upstreams[0].expiry: 1s":                     `{name: a, address: h, expiry: 1s}`,
		"upstreams[0].dialog_expiry: 2h":              `{name: a, address: h, dialog_expiry: 2h}`,
		"upstreams[0].rate: -1":                       `{name: a, address: h, rate: -1}`,
		"upstreams[0].ca: of use":                     `{name: a, address: h, ca: x}`,
		"upstreams[0].user: missing":                  `{name: a, address: h, password: x}`,
		"password and password_file exclude":          `{name: a, address: h, user: u, password: x, password_file: y}`,
		"upstreams[0].domains[0]: \"nowhere\" is not": `{name: a, address: h, domains: [nowhere]}`,
		"upstreams[1].name: \"a\" is used twice":      "{name: a, address: h}\n  - {name: a, address: h}",
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		text = "sip: {udp: [\"127.0.0.1:5060\"]}\ndomains: [{name: ex.test}]\nupstreams:\n  - " + text + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file, nil); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "c.yaml:") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
