package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/peers"
	"lamplight/sip/registrar"
)

func (c *Config) defaults() {
	set(&c.Node, "node-1")
	set(&c.Data, "data")
	set(&c.Log.Level, "info")
	set(&c.Log.Format, "json")
	set(&c.SIP.UDPReaders, 1)
	set(&c.SIP.MessageRate, 200)
	set(&c.SIP.Connections, 100)
	set(&c.HTTP.Connections, 10_000)
	c.Media.defaults()
	for i := range c.Domains {
		d := &c.Domains[i]
		d.Name = strings.ToLower(d.Name)
		set(&d.Realm, d.Name)
		for j := range d.Agents {
			set(&d.Agents[j].Role, string(presence.RoleAgent))
		}
	}
	for i := range c.Peers {
		set(&c.Peers[i].Mode, peers.ModeNone)
		set(&c.Peers[i].Calls, "authoritative")
	}
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// check collects mistakes by path.
type check struct{ found Mistakes }

func (k *check) fail(path, format string, args ...any) {
	k.found = append(k.found, Mistake{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (k *check) oneOf(path, value string, choices ...string) {
	if value != "" && !slices.Contains(choices, value) {
		k.fail(path, "%q is not one of %s", value, strings.Join(choices, ", "))
	}
}

func (k *check) within(path string, d, low, high time.Duration) {
	if d != 0 && (d < low || d > high) {
		k.fail(path, "%s is not between %s and %s", d, low, high)
	}
}

func (c *Config) mistakes() Mistakes {
	k := &check{}
	k.oneOf("log.level", c.Log.Level, "trace", "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "json", "console")
	c.checkListeners(k)
	limits := c.Registrar.Limits()
	limits.Qualify, limits.QualifyInterval = "", 0 // told with their own line below
	if err := limits.Validate(); err != nil {
		k.fail("registrar", "%s", strings.TrimPrefix(err.Error(), "registrar: "))
	}
	if r := &c.Registrar; r.RefuseExcess && r.Excess != "" && r.Excess != string(registrar.ExcessReject) {
		k.fail("registrar.excess", "%q, but refuse_excess is the same as excess: reject", r.Excess)
	}
	k.oneOf("registrar.qualify", c.Registrar.Qualify, string(registrar.QualifyNAT), string(registrar.QualifyAll), string(registrar.QualifyOff))
	k.within("registrar.qualify_interval", c.Registrar.QualifyInterval, 5*time.Second, 10*time.Minute)
	if c.Lists.Members < 0 || c.Lists.Members > 5000 {
		k.fail("lists.members", "%d is not between 1 and 5000", c.Lists.Members)
	}
	if c.Lists.PerAgent < 0 {
		k.fail("lists.per_agent", "negative")
	}
	c.Push.check(k)
	if c.KeepHistory < 0 {
		k.fail("keep_history", "negative")
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		k.fail("tls", "certificate and key go together")
	}
	if len(c.SIP.TLS)+len(c.HTTP.TLS) > 0 && c.TLS.Certificate == "" && !c.TLS.SelfSigned {
		k.fail("tls", "a TLS listener needs certificate and key, or self_signed: true")
	}
	for i, o := range c.HTTP.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			k.fail(fmt.Sprintf("http.origins[%d]", i), "%q is not scheme://host[:port]", o)
		}
	}
	if c.HTTP.Connections < 0 {
		k.fail("http.connections", "negative")
	}
	for i, a := range c.HTTP.BehindProxy {
		path := fmt.Sprintf("http.behind_proxy[%d]", i)
		if p, err := parsePrefix(a); err != nil {
			k.fail(path, "%s", err)
		} else if p.Bits() == 0 {
			k.fail(path, "%q is everybody: name the proxies", a)
		} else if c.Demo {
			k.fail(path, "demo: true is for this machine only, and a proxy shows it to others")
		}
	}
	c.checkMedia(k)
	c.checkTokens(k)
	c.checkPeers(k)
	c.checkTrunks(k)
	c.checkUpstreams(k)
	c.checkPhones(k)
	names := map[string]bool{}
	if len(c.Domains) == 0 {
		k.fail("domains", "at least one domain is needed")
	}
	for i := range c.Domains {
		c.Domains[i].check(k, fmt.Sprintf("domains[%d]", i), names, c.Demo)
	}
	return k.found
}

// listeners is every address that is listened on, by path.
func (c *Config) listeners() map[string]string {
	all := map[string]string{}
	for name, list := range map[string][]string{
		"sip.udp": c.SIP.UDP, "sip.tcp": c.SIP.TCP, "sip.tls": c.SIP.TLS,
		"http.listen": c.HTTP.Listen, "http.tls": c.HTTP.TLS,
	} {
		for i, a := range list {
			all[fmt.Sprintf("%s[%d]", name, i)] = a
		}
	}
	if c.Webphone.UDP != "" {
		all["webphone.udp"] = c.Webphone.UDP
	}
	c.Media.listeners(all)
	return all
}

// Loopback reports whether every listener is on a loopback address.
func (c *Config) Loopback() bool {
	for _, a := range c.listeners() {
		if !loopback(a) {
			return false
		}
	}
	return true
}

func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

func (c *Config) checkListeners(k *check) {
	all := c.listeners()
	for path, a := range all {
		host, port, err := net.SplitHostPort(a)
		switch {
		case err != nil:
			k.fail(path, "%q is not host:port", a)
		case port == "":
			k.fail(path, "%q has no port", a)
		case host != "" && host != "localhost" && !isAddr(host):
			k.fail(path, "%q: the host must be an address of this machine, or empty for all", a)
		case c.Demo && !loopback(a):
			k.fail(path, "demo: true works on loopback addresses only, not on %s", a)
		}
	}
	if len(all) == 0 {
		k.fail("sip", "nothing to listen on")
	}
	for i, s := range c.SIP.Trusted {
		if _, err := parsePrefix(s); err != nil {
			k.fail(fmt.Sprintf("sip.trusted[%d]", i), "%s", err)
		}
	}
	if c.SIP.UDPReaders < 1 || c.SIP.UDPReaders > 64 {
		k.fail("sip.udp_readers", "%d is not between 1 and 64", c.SIP.UDPReaders)
	}
	for i, a := range c.Webphone.Announce {
		if !isAddr(a) {
			k.fail(fmt.Sprintf("webphone.announce[%d]", i), "%q is not an address", a)
		}
	}
}

func isAddr(s string) bool { _, err := netip.ParseAddr(s); return err == nil }

func (c *Config) checkTokens(k *check) {
	seen := map[string]bool{}
	for i, t := range c.Tokens {
		p := fmt.Sprintf("tokens[%d]", i)
		switch {
		case t.Name == "":
			k.fail(p+".name", "missing")
		case seen[t.Name]:
			k.fail(p+".name", "%q is used twice", t.Name)
		}
		seen[t.Name] = true
		if (t.Token == "") == (t.SHA256 == "") {
			k.fail(p, "one of token and sha256 is needed")
		}
		if t.SHA256 != "" && !validSHA256(t.SHA256) {
			k.fail(p+".sha256", "not the hex of a SHA-256")
		}
		if strings.HasPrefix(t.Token, DemoPrefix) {
			if !c.Demo {
				k.fail(p+".token", "demo tokens need demo: true, which works on loopback only")
			}
		} else if t.Token != "" && len(t.Token) < 24 {
			k.fail(p+".token", "shorter than 24 characters")
		}
		if t.Role == "" {
			k.fail(p+".role", "missing: admin, supervisor or agent")
		}
		k.oneOf(p+".role", t.Role, "admin", "supervisor", "agent")
	}
}

// DemoPrefix begins every demo credential.
const DemoPrefix = "demo-"

func (c *Config) checkPeers(k *check) {
	for i, p := range c.Peers {
		at := fmt.Sprintf("peers[%d]", i)
		if p.Name == "" {
			k.fail(at+".name", "missing")
		}
		if len(p.Sources) == 0 {
			k.fail(at+".sources", "missing: a peer is known by its address")
		}
		for j, s := range p.Sources {
			if _, err := parsePrefix(s); err != nil {
				k.fail(fmt.Sprintf("%s.sources[%d]", at, j), "%s", err)
			}
		}
		if p.Trunk != "" && c.trunkHost(p.Trunk) == p.Trunk && !regexp.MustCompile(`^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?$`).MatchString(p.Trunk) {
			k.fail(at+".trunk", "%q is neither a trunk of this file nor host or host:port", p.Trunk)
		}
		for j, t := range p.Transports {
			k.oneOf(fmt.Sprintf("%s.transports[%d]", at, j), strings.ToLower(t), "udp", "tcp", "tls", "ws", "wss")
		}
		k.oneOf(at+".mode", string(p.Mode), string(peers.ModeNone), string(peers.ModeRedirect), string(peers.ModeProxy))
		k.oneOf(at+".calls", p.Calls, "authoritative", "observer")
		for j, d := range p.Domains {
			if !slices.ContainsFunc(c.Domains, func(x Domain) bool { return x.Name == d || slices.Contains(x.Aliases, d) }) {
				k.fail(fmt.Sprintf("%s.domains[%d]", at, j), "%q is not a domain of this file", d)
			}
		}
	}
}

func (d *Domain) check(k *check, at string, names map[string]bool, demo bool) {
	for i, n := range append([]string{d.Name}, d.Aliases...) {
		p := at + ".name"
		if i > 0 {
			p = fmt.Sprintf("%s.aliases[%d]", at, i-1)
		}
		switch {
		case n == "":
			k.fail(p, "missing")
		case !regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`).MatchString(strings.ToLower(n)) && !isAddr(n):
			k.fail(p, "%q is not a host name", n)
		case names[strings.ToLower(n)]:
			k.fail(p, "%q is used twice", n)
		}
		names[strings.ToLower(n)] = true
	}
	k.oneOf(at+".online_by", d.OnlineBy, string(presence.OnlineByWebphone), string(presence.OnlineByAnyDevice))
	k.oneOf(at+".keep_selected", d.KeepSelected, string(presence.KeepAsk), string(presence.KeepStatus), string(presence.KeepAvailable))
	k.oneOf(at+".calls.consult", d.Calls.Consult, string(presence.ConsultColleagues), string(presence.ConsultNone), string(presence.ConsultAny))
	k.oneOf(at+".calls.pickup", d.Calls.Pickup, string(presence.PickupTeam), string(presence.PickupAll), string(presence.PickupNone))
	k.oneOf(at+".calls.devices", d.Calls.Devices, "proxy", "redirect")
	k.within(at+".calls.ring", d.Calls.Ring, 5*time.Second, 10*time.Minute)
	if err := presence.CheckFallback(d.Calls.Fallback); err != nil {
		k.fail(at+".calls.fallback", "%q: %v", d.Calls.Fallback, err)
	}
	k.oneOf(at+".lamp_identity", d.LampIdentity, string(presence.LampIdentityAll), string(presence.LampIdentityTeam), string(presence.LampIdentityNone))
	for i, r := range d.Policy().Watch {
		if err := r.Check(); err != nil {
			k.fail(fmt.Sprintf("%s.watch[%d]", at, i), "%s", err)
		}
	}
	if d.Grace != nil && (*d.Grace < 0 || time.Duration(*d.Grace) > 30*time.Second) {
		k.fail(at+".grace", "%s is not between 0s and 30s", time.Duration(*d.Grace))
	}
	if d.WrapUp != nil && *d.WrapUp > 0 {
		k.within(at+".wrap_up", time.Duration(*d.WrapUp), 5*time.Second, 120*time.Second)
	}
	for i, a := range d.Digest {
		k.oneOf(fmt.Sprintf("%s.digest[%d]", at, i), a, "MD5", "SHA-256")
	}
	d.checkStatuses(k, at)
	d.checkHours(k, at)
	d.checkCountry(k, at)
	d.checkCallers(k, at)
	d.checkAgentKeys(k, at)
	d.checkCodes(k, at+".feature_codes")
	d.checkDesks(k, at+".desks", demo)
	d.checkAgents(k, at, demo)
	d.checkGroups(k, at)
}

func (d *Domain) checkStatuses(k *check, at string) {
	seen := map[string]bool{}
	for i, s := range d.Statuses {
		p := fmt.Sprintf("%s.statuses[%d]", at, i)
		switch {
		case strings.TrimSpace(s.Name) == "" || len(s.Name) > 64:
			k.fail(p+".name", "a name of 1 to 64 characters is needed")
		case seen[strings.ToLower(s.Name)]:
			k.fail(p+".name", "%q is used twice", s.Name)
		}
		seen[strings.ToLower(s.Name)] = true
		k.oneOf(p+".class", s.Class, string(presence.ClassWorking), string(presence.ClassBreak), string(presence.ClassAway))
		if s.Max < 0 {
			k.fail(p+".max", "negative")
		}
		if s.Return != "" && s.Return != string(presence.SelectAvailable) && s.Return != string(presence.SelectDND) &&
			!slices.ContainsFunc(d.Statuses, func(x Status) bool { return x.Name == s.Return }) {
			k.fail(p+".return", "%q is neither available, do_not_disturb nor a custom status", s.Return)
		}
	}
}

func (d *Domain) checkAgents(k *check, at string, demo bool) {
	seen := map[string]bool{}
	number := regexp.MustCompile(`^[A-Za-z0-9._+*#-]{1,64}$`)
	pin := regexp.MustCompile(`^[0-9]{4,12}$`)
	for i, a := range d.Agents {
		p := fmt.Sprintf("%s.agents[%d]", at, i)
		switch {
		case !number.MatchString(a.Number):
			k.fail(p+".number", "%q is not a number or user name", a.Number)
		case seen[a.Number]:
			k.fail(p+".number", "%q is used twice", a.Number)
		}
		seen[a.Number] = true
		if a.Password == "" && a.Login == "" && a.LoginHash == "" {
			k.fail(p, "one of password, login and login_hash is needed")
		}
		if a.Login != "" && a.LoginHash != "" {
			k.fail(p+".login", "login and login_hash exclude each other")
		}
		if a.PIN != "" && !pin.MatchString(a.PIN) {
			k.fail(p+".pin", "a PIN has 4 to 12 digits")
		}
		for key, secret := range map[string]string{".password": a.Password, ".login": a.Login} {
			if strings.HasPrefix(secret, DemoPrefix) && !demo {
				k.fail(p+key, "demo passwords need demo: true, which works on loopback only")
			}
		}
		k.oneOf(p+".role", a.Role, string(presence.RoleAgent), string(presence.RoleSupervisor), string(presence.RoleAdmin))
	}
}
