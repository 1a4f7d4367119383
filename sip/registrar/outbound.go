package registrar

import (
	"slices"
	"strconv"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
)

// Outbound is how far client-initiated connections are supported (RFC 5626).
type Outbound string

// The choices of Outbound.
const (
	// OutboundOn applies it where client and first hop support it, and else
	// registers as if there were no reg-id: web phones name one through any proxy,
	// and would give up on a 439.
	OutboundOn Outbound = "on"
	// OutboundStrict answers 439 where the first hop does not support it, as §6 has
	// it.
	OutboundStrict Outbound = "strict"
	// OutboundOff ignores reg-id: the flows of an instance replace each other.
	OutboundOff Outbound = "off"
)

const (
	serviceRoute message.Name = "Service-Route" // RFC 3608
	flowTimer    message.Name = "Flow-Timer"    // RFC 5626 §10
)

// udpFlowTimer is the most a client is told for datagrams: translators forget
// them soon (RFC 5626 §4.4.2).
const udpFlowTimer = 29 * time.Second

// readOutbound decides whether outbound applies (RFC 5626 §6): we are the first
// hop, or that one says by ob in the Path's first URI that it keeps flows.
func (a *ask) readOutbound(m *message.Message, l *Limits) *refusal {
	named := false
	for i := range a.contacts {
		w := &a.contacts[i]
		if w.instance == "" { // §6: reg-id without instance is ignored
			w.regID = ""
		}
		named = named || w.regID != ""
	}
	if !named {
		return nil
	}
	supported := m.Supports("outbound")
	if l.Outbound != OutboundOff && (m.Direct() || a.firstKeepsFlows()) {
		a.outbound = supported
		return nil
	}
	if l.Outbound == OutboundStrict && supported {
		return refuse(439, "First Hop Lacks Outbound Support")
	}
	for i := range a.contacts {
		a.contacts[i].regID = ""
	}
	return nil
}

func (a *ask) firstKeepsFlows() bool {
	if len(a.path) == 0 {
		return false
	}
	hop, err := message.ParseNameAddr(a.path[0])
	if err != nil {
		return false
	}
	uri, err := message.ParseURI(hop.URI)
	if err != nil {
		return false
	}
	_, ob := uri.Params.Get("ob")
	return ob
}

// addOutbound says in a 2xx that outbound was applied, and how often the client is
// to send a keep-alive (RFC 5626 §6, §5.4).
func (r *Registrar) addOutbound(ans *message.Builder, transport string) {
	every := r.limits().FlowTimer
	if transport == udp {
		every = min(every, udpFlowTimer)
	}
	ans.Add(message.Require, "outbound").Add(flowTimer, strconv.Itoa(int(every/time.Second)))
}

// first reports whether the binding is the one of its instance's flows to try
// first: the newest that is alive. The others are in reserve. Routing knows of the
// first alone, for they are one contact; when it ends, the next takes its place in
// the same change.
func (b *Binding) first(all []*Binding) bool {
	return !slices.ContainsFunc(all, func(o *Binding) bool { return o != b && o.sameDevice(b) && o.before(b) })
}

// before orders the flows of an instance: living ones first, then the newest.
func (b *Binding) before(o *Binding) bool {
	switch {
	case b.Dead != o.Dead:
		return o.Dead
	case b.Bound != o.Bound:
		return b.Bound > o.Bound
	}
	return b.ID > o.ID
}

// ops are what the roster is told of a change. Each may be told again.
func (r *Registrar) ops(c *change) []roster.Op {
	var ops []roster.Op
	ended := slices.Concat(c.drop, c.leave)
	for _, b := range ended {
		ops = append(ops, roster.DropRegistration{ID: b.ID})
	}
	related := func(b *Binding, list []*Binding) bool {
		return b.RegID != "" && slices.ContainsFunc(list, func(o *Binding) bool { return o != b && o.sameDevice(b) })
	}
	for _, b := range c.next {
		switch {
		case !slices.Contains(c.put, b) && !slices.Contains(c.touch, b) && !related(b, ended) && !related(b, c.next):
		case b.first(c.next):
			ops = append(ops, roster.PutRegistration{Registration: b.registration(r.kind(b))})
		default:
			ops = append(ops, roster.DropRegistration{ID: b.ID})
		}
	}
	return ops
}

// Ways are copies of the bindings by which the contact of that binding is reached,
// the first to try in front: one, or the flows of its instance (RFC 5626 §5.3).
// Whoever gets 430 or no answer from one goes on to the next. Flow gives the way
// itself.
func (r *Registrar) Ways(agent presence.AgentID, binding string) []Binding {
	var out []Binding
	r.Visit(agent, func(b *Binding) { out = append(out, *b) })
	i := slices.IndexFunc(out, func(b Binding) bool { return b.ID == binding })
	if i < 0 {
		return nil
	}
	asked := out[i]
	out = slices.DeleteFunc(out, func(b Binding) bool { return b.ID != binding && !b.sameDevice(&asked) })
	slices.SortFunc(out, compareWays)
	return out
}
