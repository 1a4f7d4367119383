package events

import (
	"errors"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/presence/status"
	"lamplight/sip/events/feature"
	"lamplight/sip/events/notifier"
	"lamplight/sip/message"
)

// featurePackage keeps an agent's phones and the server of one mind about Do Not
// Disturb, forwarding and the agent's state: as-feature-event.
//
// A phone's key is a SUBSCRIBE with a body. What it wishes is done by the agent's
// one writer, and what is then so is told to every phone of the agent, the one
// with the key among them. A wish for what is so already changes nothing and is
// told to its sender only, so that two phones that follow each other come to
// rest.
type featurePackage struct {
	directory *directory.Directory
	roster    *roster.Roster
}

func (*featurePackage) Name() string { return "as-feature-event" }
func (*featurePackage) Bare() bool   { return false }
func (*featurePackage) Own()         {}

// Types: phones ask for the type of one document, and take all of them in one
// body.
func (*featurePackage) Types() []string           { return featureTypes }
func (*featurePackage) ContentType(string) string { return feature.ContentTypeAll }

// Admit: an agent's keys are for the agent's own devices.
func (p *featurePackage) Admit(w notifier.Watcher, of presence.AgentID) bool {
	return w.Peer == "" && w.Holder == of
}

func (p *featurePackage) Append(dst []byte, s *presence.Snapshot, v notifier.View) ([]byte, int) {
	if s == nil {
		s = nobody
	}
	var forwarding [3]feature.Forwarding
	for i, k := range forwardKinds {
		f := status.Forwarded(&s.Settings, k.presence)
		forwarding[i] = feature.Forwarding{Kind: k.feature, On: f.On, To: f.To,
			Rings: int((f.After + presence.ForwardRing - 1) / presence.ForwardRing)}
	}
	agent := p.agentState(s)
	all := feature.All{Device: userOf(v.Entity), DND: s.Chosen.Status == presence.StatusDND, Forwarding: forwarding[:], Agent: &agent}
	return feature.Append(dst, &all), -1
}

// agentState is the agent's status in the words of a call centre's phone.
func (p *featurePackage) agentState(s *presence.Snapshot) feature.Agent {
	keys := p.keys(s.Domain)
	chosen := selectable(s.Chosen)
	code, reasoned := keys.Code(chosen)
	switch {
	case s.Team.Status == presence.StatusOffline, keys.LoggedOff != "" && chosen == keys.LoggedOff:
		return feature.Agent{State: feature.LoggedOff}
	case s.Own.Status == presence.StatusWrapUp, keys.AfterCall != "" && chosen == keys.AfterCall:
		return feature.Agent{State: feature.WorkingAfterCall}
	case reasoned:
		return feature.Agent{State: feature.NotReady, Reason: code}
	case !s.RoutesRegular, s.Own.Status == presence.StatusOutboundOnly:
		return feature.Agent{State: feature.NotReady}
	}
	return feature.Agent{State: feature.Ready}
}

func (p *featurePackage) keys(d presence.DomainID) *presence.AgentKeys {
	if dom, ok := p.directory.Domain(d); ok {
		return &dom.Policy.AgentKeys
	}
	return noKeys
}

// selectable is the status that was selected for a label to be.
func selectable(l presence.Label) presence.Selectable {
	if l.Status == presence.StatusCustom {
		return presence.SelectCustom(l.Custom)
	}
	return presence.Selectable(l.Status)
}

func userOf(uri string) string {
	u, err := message.ParseURI(uri)
	if err != nil {
		return ""
	}
	return u.User
}

// Command carries out what a phone's key wishes.
func (p *featurePackage) Command(c notifier.Command, done func(*notifier.Refusal)) {
	if !p.Admit(c.By, c.Of) { // the device was given to somebody else since
		done(&notifier.Refusal{Status: 403, Phrase: "Not This Device's Agent"})
		return
	}
	sets, err := feature.ParseAll(c.Type, c.Body)
	if err != nil {
		done(refusalOf(err))
		return
	}
	change := roster.Change{Cause: presence.CausePhoneSync, Actor: p.actor(c.By.Device)}
	for i := range sets {
		if p.crossed(c.Of, change.Actor, &sets[i]) {
			continue
		}
		ops, no := p.ops(c.Of, &sets[i])
		if no != nil {
			done(no)
			return
		}
		change.Ops = append(change.Ops, ops...)
	}
	if len(change.Ops) == 0 { // nothing that is known here
		done(nil)
		return
	}
	p.roster.Apply(c.Of, change, func(_ *presence.Snapshot, err error) { done(refusalOf(err)) })
}

// reaction is what no human presses a key in after the status changed elsewhere.
const reaction = 500 * time.Millisecond

// crossed reports whether a Do Not Disturb key contradicts what somebody else
// has selected this very moment. Some phones send each change that they are told
// back as a wish of their own; such a wish that crosses with a newer change would
// undo it, and two such phones would go on for ever. The phone is told what is
// so, like after any other key.
func (p *featurePackage) crossed(of presence.AgentID, actor string, s *feature.Set) bool {
	snap, ok := p.roster.Snapshot(of)
	if !ok || s.DND == nil || *s.DND == (snap.Chosen.Status == presence.StatusDND) {
		return false
	}
	at := snap.Selected.At
	return snap.Selected.Actor != actor && !at.IsZero() && time.Since(at).Abs() < reaction
}

// actor names the device in the log, as the phone's user does.
func (p *featurePackage) actor(d presence.DeviceID) string {
	if all := p.directory.CredentialsOf(d); len(all) > 0 {
		return "device:" + all[0].Username
	}
	return "device:" + d.String()
}

// ops is one wish in the roster's words.
func (p *featurePackage) ops(of presence.AgentID, s *feature.Set) ([]roster.Op, *notifier.Refusal) {
	switch {
	case s.DND != nil && *s.DND:
		return []roster.Op{roster.Select{Status: presence.SelectDND}}, nil
	case s.DND != nil:
		return []roster.Op{roster.Unselect{Status: presence.SelectDND}}, nil
	case s.Forwarding != nil:
		f, no := p.forwarding(of, s.Forwarding)
		return []roster.Op{roster.Forward{Forwarding: f}}, no
	case s.Agent != nil:
		return p.agentOps(of, s.Agent)
	}
	return nil, nil
}

// defaultRings is how often a phone rings that does not say.
const defaultRings = 3

func (p *featurePackage) forwarding(of presence.AgentID, in *feature.Forwarding) (presence.Forwarding, *notifier.Refusal) {
	f := presence.Forwarding{On: in.On}
	for _, k := range forwardKinds {
		if k.feature == in.Kind {
			f.Kind = k.presence
		}
	}
	if !in.On {
		return f, nil
	}
	if f.Kind == presence.ForwardNoAnswer {
		rings := in.Rings
		if rings == 0 {
			rings = defaultRings
		}
		f.After = time.Duration(rings) * presence.ForwardRing
	}
	a, ok := p.directory.Agent(of)
	if !ok {
		return f, &notifier.Refusal{Status: 404}
	}
	dom, ok := p.directory.Domain(a.Domain)
	if f.To = dialled(in.To, dom); !ok || f.To == "" {
		return f, &notifier.Refusal{Status: 403, Phrase: "Calls Can Be Forwarded to Numbers Only"}
	}
	if f.To == a.Number || slices.Contains(a.AORs, f.To+"@"+dom.Name()) {
		return f, &notifier.Refusal{Status: 403, Phrase: "Calls Cannot Be Forwarded to the Agent's Own Number"}
	}
	return f, nil
}

// dialled is the number that a phone writes as a number or as a URI of it; empty
// if it is in another domain.
func dialled(to string, dom *presence.Domain) string {
	if a, err := message.ParseNameAddr(to); err == nil && strings.Contains(a.URI, ":") {
		u, err := message.ParseURI(a.URI)
		if err != nil || u.Scheme != "tel" && (dom == nil || !slices.ContainsFunc(dom.Names, func(n string) bool { return strings.EqualFold(n, u.Host) })) {
			return ""
		}
		to = u.UserDecoded()
	}
	return strings.Map(func(r rune) rune { // RFC 3966 §5.1.1: visual separators
		if strings.ContainsRune("-.() ", r) {
			return -1
		}
		return r
	}, to)
}

func (p *featurePackage) agentOps(of presence.AgentID, in *feature.Agent) ([]roster.Op, *notifier.Refusal) {
	s, ok := p.roster.Snapshot(of)
	if !ok {
		return nil, &notifier.Refusal{Status: 404}
	}
	keys := p.keys(s.Domain)
	one := func(s presence.Selectable) ([]roster.Op, *notifier.Refusal) {
		return []roster.Op{roster.Select{Status: s}}, nil
	}
	switch in.State {
	case feature.Ready:
		return []roster.Op{roster.FinishWrapUp{}, roster.Select{Status: presence.SelectAvailable}}, nil
	case feature.NotReady:
		return one(keys.Status(in.Reason))
	case feature.LoggedOff:
		if keys.LoggedOff != "" {
			return one(keys.LoggedOff)
		}
		return []roster.Op{roster.Logout{}}, nil
	case feature.LoggedOn:
		if keys.LoggedOff != "" {
			return []roster.Op{roster.Unselect{Status: keys.LoggedOff}}, nil
		}
	case feature.WorkingAfterCall:
		switch {
		case s.WrapUp != nil:
		case keys.AfterCall != "":
			return one(keys.AfterCall)
		default:
			return nil, &notifier.Refusal{Status: 403, Phrase: "A Wrap-Up Begins With the End of a Call Only"}
		}
	}
	return nil, nil // it is so already
}

// refusalOf is the answer that an error means; nil for none.
func refusalOf(err error) *notifier.Refusal {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, feature.ErrType):
		return &notifier.Refusal{Status: 415}
	case errors.Is(err, feature.ErrTooLarge):
		return &notifier.Refusal{Status: 413}
	case errors.Is(err, feature.ErrMalformed):
		return &notifier.Refusal{Status: 400, Phrase: "Bad as-feature-event body"}
	case errors.Is(err, roster.ErrUnknown):
		return &notifier.Refusal{Status: 404}
	case errors.Is(err, roster.ErrRefused):
		return &notifier.Refusal{Status: 403, Phrase: because(err)}
	}
	return &notifier.Refusal{Status: 503}
}

// because is the last and plainest part of an error's text.
func because(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, ": "); at >= 0 {
		text = text[at+2:]
	}
	return text
}

// forwardKinds are the kinds of forwarding in both tongues.
//
//nolint:gochecknoglobals // never changed
var (
	forwardKinds = [3]struct {
		feature  feature.Kind
		presence presence.ForwardKind
	}{{feature.Immediate, presence.ForwardAlways}, {feature.NoAnswer, presence.ForwardNoAnswer}, {feature.Busy, presence.ForwardBusy}}
	featureTypes = []string{"multipart/mixed", feature.ContentType}
	noKeys       = &presence.AgentKeys{}
)
