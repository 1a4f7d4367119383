package config

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"lamplight/sip/events/publisher"
	"lamplight/sip/resolve"
)

// Upstream is a presence server that is told what agents are doing, by PUBLISH.
type Upstream struct {
	Name string `yaml:"name"`
	// Address is where it is: host or host:port.
	Address   string `yaml:"address"`
	Transport string `yaml:"transport"` // udp (default), tcp or tls
	// CA is a PEM file of who may sign its certificate over TLS, which must be one
	// for the host of Address; default: whom the system trusts.
	CA string `yaml:"ca"`
	// User and Password answer its challenges; PasswordFile holds the password
	// instead, and is read again on SIGHUP.
	User         string `yaml:"user"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
	// Domains are those whose agents it is told of; default: all.
	Domains []string `yaml:"domains"`
	// Events are what it is told: dialog (calls), presence (status); default both.
	Events []string `yaml:"events"`
	// Expiry is how long it keeps what it is told, unless that is refreshed; 30m.
	// DialogExpiry is the same of calls; 2m.
	Expiry       time.Duration `yaml:"expiry"`
	DialogExpiry time.Duration `yaml:"dialog_expiry"`
	// Rate is how many PUBLISHes a second it is sent; 500.
	Rate int `yaml:"rate"`
	// HideCallers keeps from it who is at the other end of a call.
	HideCallers bool `yaml:"hide_callers"`
}

// Publisher is the upstreams in the form the SIP side asks. It reads the files
// of passwords; the rest has been validated.
func (c *Config) Publisher() ([]publisher.Upstream, error) {
	var out []publisher.Upstream
	for _, u := range c.Upstreams {
		server, err := resolve.ParseServer(u.transport(), u.Address)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", u.Name, err)
		}
		password := u.Password
		if u.PasswordFile != "" {
			b, err := os.ReadFile(u.PasswordFile)
			if err != nil {
				return nil, fmt.Errorf("upstream %s: %w", u.Name, err)
			}
			password = strings.TrimRight(string(b), "\r\n")
		}
		roots, err := u.roots()
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", u.Name, err)
		}
		out = append(out, publisher.Upstream{
			Roots: roots,
			Name:  u.Name, Server: server, User: u.User, Password: password, Domains: u.Domains, Events: u.Events,
			Expiry: u.Expiry, DialogExpiry: u.DialogExpiry, Rate: u.Rate, HideCallers: u.HideCallers,
		})
	}
	return out, nil
}

// roots reads whom its certificate may be signed by, nil for the system's.
func (u Upstream) roots() (*x509.CertPool, error) {
	if u.CA == "" {
		return nil, nil
	}
	b, err := os.ReadFile(u.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s has no certificate", u.CA)
	}
	return pool, nil
}

func (u Upstream) transport() string {
	if u.Transport == "" {
		return "udp"
	}
	return u.Transport
}

func (c *Config) checkUpstreams(k *check) {
	names := map[string]bool{}
	for i, u := range c.Upstreams {
		at := fmt.Sprintf("upstreams[%d]", i)
		switch {
		case u.Name == "" || strings.ContainsAny(u.Name, "|/"):
			k.fail(at+".name", "a name without | and / is needed")
		case names[u.Name]:
			k.fail(at+".name", "%q is used twice", u.Name)
		}
		names[u.Name] = true
		k.oneOf(at+".transport", u.Transport, "udp", "tcp", "tls")
		if _, err := resolve.ParseServer(u.transport(), u.Address); err != nil {
			k.fail(at+".address", "%s", err)
		}
		if u.CA != "" && u.Transport != "tls" {
			k.fail(at+".ca", "of use with transport: tls only")
		}
		if u.Password != "" && u.PasswordFile != "" {
			k.fail(at+".password", "password and password_file exclude each other")
		}
		if u.User == "" && u.Password+u.PasswordFile != "" {
			k.fail(at+".user", "missing beside a password")
		}
		for j, e := range u.Events {
			k.oneOf(fmt.Sprintf("%s.events[%d]", at, j), e, publisher.Dialog, publisher.Presence)
		}
		k.within(at+".expiry", u.Expiry, time.Minute, 24*time.Hour)
		k.within(at+".dialog_expiry", u.DialogExpiry, 30*time.Second, time.Hour)
		if u.Rate < 0 || u.Rate > 10_000 {
			k.fail(at+".rate", "%d is not between 1 and 10000", u.Rate)
		}
		for j, d := range u.Domains {
			if !slices.ContainsFunc(c.Domains, func(x Domain) bool { return x.Name == strings.ToLower(d) || slices.Contains(x.Aliases, d) }) {
				k.fail(fmt.Sprintf("%s.domains[%d]", at, j), "%q is not a domain of this file", d)
			}
		}
	}
}
