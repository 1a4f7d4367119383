package config

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/schedule"
	"lamplight/sip/peers"
	"lamplight/sip/registrar"
)

// UnmarshalText reads a duration, "none" or "unlimited".
func (w *WrapUp) UnmarshalText(b []byte) error {
	switch s := string(b); s {
	case "none":
		*w = WrapUp(presence.WrapUpNone)
	case "unlimited":
		*w = WrapUp(presence.WrapUpUnlimited)
	default:
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is neither a duration nor none nor unlimited", s)
		}
		if d == 0 {
			d = presence.WrapUpNone
		}
		*w = WrapUp(d)
	}
	return nil
}

// Policy is the domain's part of the rules.
func (d Domain) Policy() presence.Policy {
	p := presence.Policy{
		OnlineBy:         presence.OnlineBy(d.OnlineBy),
		KeepSelected:     presence.KeepSelected(d.KeepSelected),
		BusyWhileRinging: d.Calls.BusyWhileRinging,
		RedirectDevices:  d.Calls.Devices == "redirect",
		Ring:             d.Calls.Ring,
		Consult:          presence.Consult(d.Calls.Consult),
		Pickup:           presence.Pickup(d.Calls.Pickup),
		Emergency:        d.Calls.Emergency,
		FeatureCodes:     d.Calls.FeatureCodes,
		Fallback:         d.Calls.Fallback,
		ShowOfflineReach: d.ShowOfflineReach,
		BusyLamp:         d.BusyLamp,
		LegMaxAge:        d.LegMaxAge,
		Digest:           d.Digest,
	}
	p.ShowHidden = d.Calls.ShowHidden
	for _, c := range d.Calls.Callers {
		p.TeamCallers = append(p.TeamCallers, presence.TeamCaller{Team: c.Team, CallerID: presence.CallerID{Number: c.Number, Name: c.Name, Hide: c.Hide}})
	}
	p.Country = strings.ToUpper(d.Country)
	p.Zone, _ = schedule.FindZone(d.TimeZone) // validated
	p.Hours, p.AfterHours = d.Hours.Schedule(), d.AfterHours
	if d.Grace != nil {
		p.Grace = time.Duration(*d.Grace)
		if p.Grace == 0 {
			p.Grace = -1 // none; zero would be the default
		}
	}
	if d.WrapUp != nil {
		p.WrapUp = time.Duration(*d.WrapUp)
	}
	p.LampIdentity = presence.LampIdentity(d.LampIdentity)
	for _, w := range d.Watch {
		p.Watch = append(p.Watch, presence.WatchRule{Who: w.Who, Whom: w.Whom, Events: w.Events, Then: presence.WatchVerdict(w.Then)})
	}
	for _, s := range d.Statuses {
		p.Statuses = append(p.Statuses, presence.Custom{
			Name: s.Name, Colour: s.Colour, Icon: s.Icon, Class: presence.CustomClass(s.Class),
			Regular: s.Regular, Campaign: s.Campaign, Outbound: s.Outbound,
			Activity: s.Activity, Max: s.Max, Return: s.Return,
		})
	}
	p.AgentKeys = d.AgentKeys.policy()
	p.Desk = presence.DeskPolicy{NoPIN: d.Desks.PIN == "none", Shift: d.Desks.Shift}
	p.Codes.Refuse = d.FeatureCodes.Answer == "refuse"
	for _, c := range d.FeatureCodes.list() {
		p.Codes.List = append(p.Codes.List, c.FeatureCode)
	}
	return p
}

// PeerTable is the peers in the form the SIP side asks. The configuration has
// been validated.
func (c *Config) PeerTable() peers.Table {
	t := make(peers.Table, 0, len(c.Peers))
	for _, p := range c.Peers {
		q := peers.Peer{
			Name: p.Name, Mode: p.Mode, Publish: p.Publish, Campaign: p.Campaign,
			Observer: p.Calls == "observer", Domains: p.Domains, Trunk: c.trunkHost(p.Trunk), ForceRPort: p.ForceRPort, Replaces: p.Replaces, AutoAnswer: p.AutoAnswer,
			Untrusted: p.Untrusted,
		}
		for _, tr := range p.Transports {
			q.Transports = append(q.Transports, strings.ToUpper(tr))
		}
		for _, s := range p.Sources {
			if n, err := parsePrefix(s); err == nil {
				q.Sources = append(q.Sources, n)
			}
		}
		t = append(t, q)
	}
	return t
}

// Proxies are the reverse proxies whose word is taken for where a request came
// from.
func (c *Config) Proxies() []netip.Prefix { return prefixes(c.HTTP.BehindProxy) }

// Limits are the registrar's, in its own form.
func (r Registrar) Limits() registrar.Limits {
	excess := registrar.Excess(r.Excess)
	if r.RefuseExcess {
		excess = registrar.ExcessReject
	}
	share := func(s Share) registrar.Share {
		return registrar.Share{Contacts: s.Contacts, Excess: registrar.Excess(s.Excess)}
	}
	return registrar.Limits{
		MinExpires: r.MinExpires, MaxExpires: r.MaxExpires, PushExpires: r.PushExpires, DefaultExpires: r.DefaultExpires, NATExpires: r.NATExpires,
		Outbound: registrar.Outbound(r.Outbound), FlowTimer: r.FlowTimer, ServiceRoute: r.ServiceRoute, GRUU: r.GRUU,
		Contacts: r.Contacts, Excess: excess, Desk: share(r.Desk), Soft: share(r.Soft), Mobile: share(r.Mobile),
		Qualify: registrar.Qualify(r.Qualify), QualifyInterval: r.QualifyInterval, QualifyTries: r.QualifyTries,
	}
}

// TrustedPrefixes are the sources exempt from the message rate gate.
func (c *Config) TrustedPrefixes() []netip.Prefix { return prefixes(c.SIP.Trusted) }

// prefixes reads a list that was validated.
func prefixes(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		if n, err := parsePrefix(s); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// parsePrefix reads an address or a prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a prefix", s)
	}
	return n, nil
}

// validSHA256 reports whether s is the hex of 32 bytes.
func validSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}
