package config

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"lamplight/sip/resolve"
	"lamplight/sip/trunk"
)

// Trunk takes calls to numbers outside: a carrier, or a PBX that knows one.
type Trunk struct {
	Name string `yaml:"name"`
	// Servers are tried in this order, host or host:port. A name without a port is
	// looked up with all that the DNS has of it: NAPTR, SRV, then addresses.
	Servers []string `yaml:"servers"`
	// Transport is udp, tcp or tls; default: what the DNS says, else udp.
	Transport string `yaml:"transport"`
	// Host is what stands in the URIs of its calls; default: the first server.
	Host string `yaml:"host"`
	// Domains are those whose calls it takes; default: all. Of several trunks the
	// first counts, unless a call came from a peer with a trunk of its own.
	Domains []string `yaml:"domains"`
	// User and Password answer its challenges; PasswordFile holds the password
	// instead, and is read again on SIGHUP. With a Realm only that realm is answered.
	User         string `yaml:"user"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	Realm        string `yaml:"realm"`
	// CA is a PEM file of who may sign its certificate over TLS, which must be one
	// for the server's name; default: whom the system trusts.
	CA string `yaml:"ca"`
	// Silence is how long a server may leave a call without a word before the next is
	// tried; 4s.
	Silence time.Duration `yaml:"silence"`
	// Options is how often each of its servers is asked by OPTIONS whether it is
	// there; 30s. Tries without an answer, one after the other, make it down; 2.
	Options time.Duration `yaml:"options"`
	Tries   int           `yaml:"tries"`
	// NoOptions: it is not asked.
	NoOptions bool `yaml:"no_options"`
}

// SIPTrunks is the trunks in the form the SIP side asks, with those that peers name
// by their address. It reads the files of passwords and certificates; the rest has
// been validated.
func (c *Config) SIPTrunks() ([]trunk.Trunk, error) {
	var out []trunk.Trunk
	for _, t := range c.Trunks {
		s, err := t.sip()
		if err != nil {
			return nil, fmt.Errorf("trunk %s: %w", t.Name, err)
		}
		for _, name := range t.Domains { // by any of its names
			for _, d := range c.Domains {
				if strings.EqualFold(d.Name, name) || slices.Contains(d.Aliases, name) {
					s.Domains = append(s.Domains, d.Name)
				}
			}
		}
		out = append(out, s)
	}
	for _, p := range c.Peers {
		if p.Trunk == "" || slices.ContainsFunc(out, func(t trunk.Trunk) bool { return t.Name == p.Trunk || strings.EqualFold(t.Host, p.Trunk) }) {
			continue
		}
		server, err := resolve.ParseServer("", p.Trunk)
		if err != nil {
			return nil, fmt.Errorf("trunk of peer %s: %w", p.Name, err)
		}
		out = append(out, trunk.Trunk{Name: p.Trunk, Host: p.Trunk, Servers: []resolve.Server{server}, Every: -1, Unlisted: true})
	}
	return out, nil
}

func (t *Trunk) sip() (s trunk.Trunk, err error) {
	s = trunk.Trunk{Name: t.Name, Host: t.host(), User: t.User, Password: t.Password, Realm: t.Realm, Silence: t.Silence, Every: t.Options, Tries: t.Tries}
	if t.NoOptions {
		s.Every = -1
	}
	for _, a := range t.Servers {
		server, err := resolve.ParseServer(t.Transport, a)
		if err != nil {
			return s, err
		}
		s.Servers = append(s.Servers, server)
	}
	if t.PasswordFile != "" {
		b, err := os.ReadFile(t.PasswordFile)
		if err != nil {
			return s, err
		}
		s.Password = strings.TrimRight(string(b), "\r\n")
	}
	s.Roots, err = rootsOf(t.CA)
	return s, err
}

// host is what stands in the URIs of its calls.
func (t *Trunk) host() string {
	if t.Host != "" || len(t.Servers) == 0 {
		return t.Host
	}
	if s, err := resolve.ParseServer(t.Transport, t.Servers[0]); err == nil {
		return s.Written()
	}
	return t.Servers[0]
}

// trunkHost is where a peer's trunk is: that of the trunk of that name, or as given.
func (c *Config) trunkHost(name string) string {
	for i := range c.Trunks {
		if c.Trunks[i].Name == name {
			return c.Trunks[i].host()
		}
	}
	return name
}

func (c *Config) checkTrunks(k *check) {
	names, hosts := map[string]bool{}, map[string]bool{}
	for i := range c.Trunks {
		t := &c.Trunks[i]
		at := fmt.Sprintf("trunks[%d]", i)
		switch {
		case t.Name == "":
			k.fail(at+".name", "missing")
		case names[t.Name]:
			k.fail(at+".name", "%q is used twice", t.Name)
		}
		names[t.Name] = true
		k.oneOf(at+".transport", t.Transport, "udp", "tcp", "tls")
		if len(t.Servers) == 0 || len(t.Servers) > 16 {
			k.fail(at+".servers", "1 to 16 servers are needed")
		}
		for j, a := range t.Servers {
			if _, err := resolve.ParseServer(t.Transport, a); err != nil {
				k.fail(fmt.Sprintf("%s.servers[%d]", at, j), "%s", err)
			}
		}
		if _, err := resolve.ParseServer("", t.Host); t.Host != "" && err != nil {
			k.fail(at+".host", "%s", err)
		} else if h := strings.ToLower(t.host()); hosts[h] {
			k.fail(at+".host", "%q is another trunk's: calls could not tell them apart", h)
		} else {
			hosts[h] = true
		}
		t.checkSecrets(k, at)
		k.within(at+".silence", t.Silence, time.Second, 30*time.Second)
		k.within(at+".options", t.Options, 5*time.Second, time.Hour)
		if t.NoOptions && t.Options != 0 {
			k.fail(at+".options", "no_options: true asks for none")
		}
		if t.Tries < 0 || t.Tries > 10 {
			k.fail(at+".tries", "%d is not between 1 and 10", t.Tries)
		}
		for j, d := range t.Domains {
			if !slices.ContainsFunc(c.Domains, func(x Domain) bool { return x.Name == strings.ToLower(d) || slices.Contains(x.Aliases, d) }) {
				k.fail(fmt.Sprintf("%s.domains[%d]", at, j), "%q is not a domain of this file", d)
			}
		}
	}
}

func (t *Trunk) checkSecrets(k *check, at string) {
	if t.CA != "" && t.Transport == "udp" {
		k.fail(at+".ca", "of no use with transport: udp")
	}
	if t.Password != "" && t.PasswordFile != "" {
		k.fail(at+".password", "password and password_file exclude each other")
	}
	if (t.User == "") != (t.Password+t.PasswordFile == "") {
		k.fail(at+".user", "user and password go together")
	}
	if t.User == "" && t.Realm != "" {
		k.fail(at+".realm", "of use with user and password only")
	}
}

// rootsOf reads who may sign a server's certificate; nil: whom the system trusts.
func rootsOf(file string) (*x509.CertPool, error) { return Upstream{CA: file}.roots() }
