package presence

import (
	"fmt"
	"slices"
	"strings"
)

// WatchVerdict is the answer to a watcher.
type WatchVerdict string

// The verdicts. WatchConfirm lets the watcher wait until the watched agent, or a
// supervisor, has said yes or no.
const (
	WatchAllow   WatchVerdict = "allow"
	WatchDeny    WatchVerdict = "deny"
	WatchConfirm WatchVerdict = "confirm"
)

// WatchRule says whether some watchers may watch some agents. Of a domain's
// rules the first that fits counts; where none does, everybody of the domain may
// watch everybody.
type WatchRule struct {
	// Who watches: "anyone" (or empty), "team:NAME", "role:supervisor" (agent,
	// supervisor or admin), "device:mobile" (a kind of device), "agent:NUMBER",
	// "peer:NAME" or "peers".
	Who string `json:"who,omitempty"`
	// Whom is watched: "anyone" (or empty), "team:NAME", "own_team" (some team is
	// the watcher's too), "agent:NUMBER" or "addresses" (those without an agent,
	// such as parking slots).
	Whom string `json:"whom,omitempty"`
	// Events are the event packages the rule is about; none: all but those that a
	// rule must name, since they tell not of the agent's state: who watches
	// (….winfo), what is registered (reg), and message-summary, of which some
	// phones take no refusal.
	Events []string     `json:"events,omitempty"`
	Then   WatchVerdict `json:"then"`
}

// maxWatchRules bounds a domain's list.
const maxWatchRules = 1000

// LampIdentity says to whom a lamp shows who is at the other end of a call, and
// what is needed to take the call over.
type LampIdentity string

// The choices of LampIdentity; the empty value means LampIdentityAll.
const (
	LampIdentityAll  LampIdentity = "all"
	LampIdentityTeam LampIdentity = "team" // to who shares a team, and to supervisors
	LampIdentityNone LampIdentity = "none" // to the agent's own devices only
)

// Onlooker is who watches, as rules see it: an agent by a device, or a peer.
type Onlooker struct {
	Peer  string     // name of a trusted peer; empty: a device
	Kind  DeviceKind // of the device
	Agent *Agent     // whose device it is; nil: nobody's, or a peer
}

// The event packages that tell what is registered, and what waits in a mailbox.
const (
	eventReg     = "reg"
	eventSummary = "message-summary"
)

// private reports whether an event package is for the agent's own devices and
// whom a rule names: who watches (RFC 3857 §4.1), and where from the agent's
// phones register (RFC 3680 §5.8).
func private(event string) bool { return strings.HasSuffix(event, ".winfo") || event == eventReg }

// MayWatch is the verdict on a watcher of whom, nil for an address without an
// agent. An agent may always watch himself. Who watches, and what is registered,
// is told to the agent's own devices and to whom a rule names; the latter also to
// trusted peers, unless a rule names them.
func (p *Policy) MayWatch(w Onlooker, whom *Agent, event string) WatchVerdict {
	if w.own(whom) {
		return WatchAllow
	}
	for i := range p.Watch {
		r := &p.Watch[i]
		if !r.about(event) || !w.is(r.Who) || !w.sees(r.Whom, whom) {
			continue
		}
		if r.Then == WatchConfirm && whom == nil {
			return WatchDeny // there is nobody to ask
		}
		return r.Then
	}
	if private(event) && (event != eventReg || w.Peer == "") {
		return WatchDeny
	}
	return WatchAllow
}

// ShowsIdentity reports whether the watcher's lamp says who is at the other end.
func (p *Policy) ShowsIdentity(w Onlooker, whom *Agent) bool {
	switch {
	case w.own(whom):
		return true
	case p.LampIdentity == LampIdentityNone:
		return false
	case p.LampIdentity != LampIdentityTeam, whom == nil: // a parking slot is the team's of everybody
		return true
	}
	return w.Agent != nil && (w.Agent.Role == RoleSupervisor || w.Agent.Role == RoleAdmin || w.sees("own_team", whom))
}

// OpenToAll reports whether the policy makes no difference between watchers of
// the domain.
func (p *Policy) OpenToAll() bool {
	return len(p.Watch) == 0 && (p.LampIdentity == "" || p.LampIdentity == LampIdentityAll)
}

func (r *WatchRule) about(event string) bool {
	if len(r.Events) == 0 {
		return !private(event) && event != eventSummary
	}
	return slices.Contains(r.Events, event)
}

func (w *Onlooker) own(whom *Agent) bool {
	return w.Agent != nil && whom != nil && w.Agent.ID == whom.ID
}

// is reports whether the watcher is meant by a rule's Who.
func (w *Onlooker) is(who string) bool {
	kind, name, _ := strings.Cut(who, ":")
	switch kind {
	case "", "anyone":
		return true
	case "peers":
		return w.Peer != ""
	case "peer":
		return w.Peer != "" && w.Peer == name
	}
	if w.Peer != "" || w.Agent == nil {
		return false
	}
	switch kind {
	case "team":
		return slices.Contains(w.Agent.Teams, name)
	case "role":
		return string(w.Agent.Role) == name || w.Agent.Role == "" && name == string(RoleAgent)
	case "device":
		return string(w.Kind) == name
	case "agent":
		return w.Agent.Number == name
	}
	return false
}

// sees reports whether the watched is meant by a rule's Whom.
func (w *Onlooker) sees(whom string, a *Agent) bool {
	kind, name, _ := strings.Cut(whom, ":")
	switch kind {
	case "", "anyone":
		return true
	case "addresses":
		return a == nil
	}
	if a == nil {
		return false
	}
	switch kind {
	case "team":
		return slices.Contains(a.Teams, name)
	case "own_team":
		return w.Agent != nil && slices.ContainsFunc(a.Teams, func(t string) bool { return slices.Contains(w.Agent.Teams, t) })
	case "agent":
		return a.Number == name
	}
	return false
}

// CheckWatch names the first mistake of a domain's choice of who may watch whom.
func (p *Policy) CheckWatch() error {
	switch p.LampIdentity {
	case "", LampIdentityAll, LampIdentityTeam, LampIdentityNone:
	default:
		return fmt.Errorf("lamp_identity %q: all, team or none", p.LampIdentity)
	}
	if len(p.Watch) > maxWatchRules {
		return fmt.Errorf("more than %d rules of who may watch whom", maxWatchRules)
	}
	for i := range p.Watch {
		if err := p.Watch[i].Check(); err != nil {
			return fmt.Errorf("watch rule %d: %w", i, err)
		}
	}
	return nil
}

// Check names the first mistake of a rule.
func (r *WatchRule) Check() error {
	who, name, named := strings.Cut(r.Who, ":")
	switch {
	case who == "role" && name != string(RoleAgent) && name != string(RoleSupervisor) && name != string(RoleAdmin):
		return fmt.Errorf("who %q: the role is agent, supervisor or admin", r.Who)
	case who == "device" && name != string(KindDesk) && name != string(KindSoft) && name != string(KindMobile):
		return fmt.Errorf("who %q: the kind of device is desk, soft or mobile", r.Who)
	case !form(who, name, named, "anyone peers", "team role device agent peer"):
		return fmt.Errorf("who %q: anyone, team:NAME, role:NAME, device:KIND, agent:NUMBER, peer:NAME or peers", r.Who)
	}
	whom, name, named := strings.Cut(r.Whom, ":")
	if !form(whom, name, named, "anyone own_team addresses", "team agent") {
		return fmt.Errorf("whom %q: anyone, team:NAME, own_team, agent:NUMBER or addresses", r.Whom)
	}
	if slices.Contains(r.Events, "") {
		return fmt.Errorf("an event without a name")
	}
	switch r.Then {
	case WatchAllow, WatchDeny:
	case WatchConfirm:
		if whom == "addresses" {
			return fmt.Errorf("then: nobody could confirm for an address without an agent")
		}
	default:
		return fmt.Errorf("then %q: allow, deny or confirm", r.Then)
	}
	return nil
}

// form reports whether a party is one of the words, or one of the kinds with a
// name.
func form(kind, name string, named bool, words, kinds string) bool {
	if kind == "" || slices.Contains(strings.Fields(words), kind) {
		return !named
	}
	return name != "" && slices.Contains(strings.Fields(kinds), kind)
}
