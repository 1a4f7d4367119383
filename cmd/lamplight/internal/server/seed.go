package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/directory/csvimport"
	"lamplight/web/login"
)

// seed brings the directory up to what the configuration declares. What it does
// not name (agents that were imported or added by API) stays as it is. After
// errMembers all but those members was taken.
func seed(ctx context.Context, d *directory.Directory, c *config.Config) error {
	var missing []error
	for _, dc := range c.Domains {
		dom, err := seedDomain(ctx, d, dc)
		if err != nil {
			return fmt.Errorf("domain %s: %w", dc.Name, err)
		}
		if err := seedAgents(ctx, d, dom, dc.Agents); err != nil {
			return fmt.Errorf("agents of domain %s: %w", dc.Name, err)
		}
		if err := seedDesks(ctx, d, dom, dc.Desks.Phones); err != nil {
			return fmt.Errorf("desks of domain %s: %w", dc.Name, err)
		}
		switch err := seedGroups(ctx, d, dom, dc.Groups); {
		case errors.Is(err, errMembers):
			missing = append(missing, fmt.Errorf("domain %s: %w", dc.Name, err))
		case err != nil:
			return fmt.Errorf("groups of domain %s: %w", dc.Name, err)
		}
	}
	return errors.Join(missing...)
}

func seedDomain(ctx context.Context, d *directory.Directory, dc config.Domain) (*presence.Domain, error) {
	dom := presence.Domain{Names: append([]string{dc.Name}, dc.Aliases...), Realm: dc.Realm, Policy: dc.Policy()}
	if old, ok := d.DomainByName(dc.Name); ok {
		dom.ID, dom.Realm = old.ID, old.Realm // the realm is fixed: credentials are bound to it
	}
	err := d.Apply(ctx, directory.Edit{Actor: "configuration", Cause: "config", Domains: []presence.Domain{dom}})
	if err != nil {
		return nil, err
	}
	now, ok := d.DomainByName(dc.Name)
	if !ok {
		return nil, directory.ErrNotFound
	}
	return now, nil
}

func seedAgents(ctx context.Context, d *directory.Directory, dom *presence.Domain, agents []config.Agent) error {
	if len(agents) == 0 {
		return nil
	}
	if err := seedDevices(ctx, d, dom, agents); err != nil {
		return err
	}
	var edit directory.Edit
	for _, a := range agents {
		was, known := d.AgentByNumber(dom.ID, a.Number)
		next := presence.Agent{Domain: dom.ID, Number: a.Number, Name: a.Name, Teams: a.Teams,
			AORs: []string{a.Number + "@" + dom.Name()}, Settings: presence.DefaultSettings()}
		if known {
			next = *was
		}
		next.Name, next.Teams = a.Name, a.Teams
		next.Role, next.LoginHash = presence.Role(a.Role), loginHash(next.LoginHash, a)
		next.PINHash = secretHash(next.PINHash, a.PIN)
		next.Settings = seedHours(next.Settings, a)
		if a.Caller != nil {
			next.Caller = presence.CallerID(*a.Caller)
		}
		if !known || next.Caller != was.Caller || !next.Settings.Hours.Equal(was.Settings.Hours) || next.Settings.AfterHours != was.Settings.AfterHours || next.Name != was.Name || !slices.Equal(next.Teams, was.Teams) || next.Role != was.Role || next.LoginHash != was.LoginHash || next.PINHash != was.PINHash {
			edit.Agents = append(edit.Agents, next)
		}
	}
	if len(edit.Agents) == 0 {
		return nil
	}
	edit.Actor, edit.Cause = "configuration", "config"
	return d.Apply(ctx, edit)
}

// seedHours are the settings with the hours that the file gives.
func seedHours(s presence.Settings, a config.Agent) presence.Settings {
	if h := a.Hours.Schedule(); h != nil {
		s.Hours = h
	}
	s.AfterHours = cmp.Or(a.AfterHours, s.AfterHours)
	return s
}

// seedDevices makes agents with a password and their devices, as an import
// would.
func seedDevices(ctx context.Context, d *directory.Directory, dom *presence.Domain, agents []config.Agent) error {
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	rows := [][]string{{"number", "password", "name", "team"}}
	for _, a := range agents {
		if a.Password != "" {
			rows = append(rows, []string{a.Number, a.Password, a.Name, strings.Join(a.Teams, ";")})
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	rep, err := csvimport.Import(ctx, csvimport.Options{Directory: d, Domain: dom.ID, HA1: ha1, Actor: "configuration"}, &text)
	if err != nil {
		return err
	}
	if rep.Failed > 0 {
		return rep.Errors[0]
	}
	return nil
}

// loginHash is the hash of the page password.
func loginHash(old string, a config.Agent) string {
	if a.LoginHash != "" {
		return a.LoginHash
	}
	return secretHash(old, a.Login)
}

// secretHash is the hash of a secret, the old one where it still fits: every hash
// is salted, so making it anew would look like a change. Without a secret the old
// one stays.
func secretHash(old, secret string) string {
	if secret == "" {
		return old
	}
	if same, err := login.VerifyPassword(old, secret); err == nil && same {
		return old
	}
	return login.HashPassword(secret)
}

// refuseDemoCredentials keeps a database that was used for the demo from being
// served to the world.
func refuseDemoCredentials(d *directory.Directory) error {
	for _, dom := range d.Domains() {
		for _, a := range d.Agents(dom.ID) {
			if hasDemoPassword(d, dom, a.Number) {
				return fmt.Errorf("agent %s of %s has a demo password, which is refused beyond loopback: "+
					"use another data directory, or change its passwords", a.Number, dom.Name())
			}
		}
		for _, dev := range d.Shared(dom.ID) {
			for _, c := range d.CredentialsOf(dev.ID) {
				if hasDemoPassword(d, dom, c.Username) {
					return fmt.Errorf("the hot desk %s of %s has a demo password, which is refused beyond loopback", c.Username, dom.Name())
				}
			}
		}
	}
	return nil
}

func hasDemoPassword(d *directory.Directory, dom *presence.Domain, user string) bool {
	c, ok := d.Credential(dom.ID, user)
	if !ok {
		return false
	}
	for _, alg := range c.HA1.Algorithms() {
		if c.HA1.Of(alg) == ha1(alg, user, dom.Realm, config.DemoPrefix+user) {
			return true
		}
	}
	return false
}
