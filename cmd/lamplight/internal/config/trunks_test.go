package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/sip/resolve"
)

func loadText(t *testing.T, text string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file, nil)
}

func TestTrunksAreRead(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadText(t, `sip: {udp: ["127.0.0.1:5060"]}
trunks:
  - {name: carrier, servers: [sip.carrier.example, "192.0.2.1:5070"], domains: [alias.test], user: lamp, password_file: `+secret+`, realm: r, silence: 2s, options: 1m, tries: 3}
  - {name: pbx, servers: ["[2001:db8::1]"], transport: tcp, host: pbx.example, no_options: true}
peers:
  - {name: a, sources: [192.0.2.1], trunk: carrier}
  - {name: b, sources: [192.0.2.2], trunk: "192.0.2.9:5080"}
  - {name: c, sources: [192.0.2.3], trunk: pbx.example}
domains: [{name: d.test, aliases: [alias.test]}]
`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := cfg.SIPTrunks()
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	a, b, c := got[0], got[1], got[2]
	if a.Host != "sip.carrier.example" || a.Password != "from-a-file" || a.User != "lamp" || a.Realm != "r" || a.Silence != 2*time.Second ||
		a.Every != time.Minute || a.Tries != 3 || len(a.Domains) != 1 || a.Domains[0] != "d.test" ||
		a.Servers[0] != (resolve.Server{Host: "sip.carrier.example"}) || a.Servers[1] != (resolve.Server{Host: "192.0.2.1", Port: 5070}) {
		t.Errorf("%+v", a)
	}
	if b.Host != "pbx.example" || b.Every >= 0 || b.Servers[0] != (resolve.Server{Transport: "TCP", Host: "2001:db8::1"}) {
		t.Errorf("%+v", b)
	}
	if c.Host != "192.0.2.9:5080" || !c.Unlisted || c.Every >= 0 {
		t.Errorf("%+v", c)
	}
	if p := cfg.PeerTable(); p[0].Trunk != "sip.carrier.example" || p[1].Trunk != "192.0.2.9:5080" || p[2].Trunk != "pbx.example" {
		t.Errorf("%+v", p)
	}
}

func TestMistakesInTrunksAreNamed(t *testing.T) {
	_, err := loadText(t, `sip: {udp: ["127.0.0.1:5060"]}
trunks:
  - {servers: []}
  - {name: a, servers: ["x y"], transport: sctp, silence: 1h, options: 1s, tries: 11}
  - {name: a, servers: [h.test], no_options: true, options: 1m, user: u, realm: r, domains: [other.test]}
  - {name: b, servers: [H.test], realm: r, transport: udp, ca: /x}
  - {name: c, servers: [c.test], user: u, password: p, password_file: q, host: "a b"}
domains: [{name: d.test}]
`)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		":3: trunks[0].name", "trunks[0].servers", "trunks[1].servers[0]", "trunks[1].transport", "trunks[1].silence", "trunks[1].options", "trunks[1].tries",
		"trunks[2].name", "trunks[2].options", "trunks[2].user", "trunks[2].domains[0]", "trunks[3].host", "trunks[3].realm", "trunks[3].ca", "trunks[4].password", "trunks[4].host",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in\n%v", want, err)
		}
	}
}
