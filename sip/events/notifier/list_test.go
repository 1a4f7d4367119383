package notifier

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func TestTeamIsAList(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		b := r.board("192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		for len(b.order) < 2 {
			b.next()
		}
		b.want("101=Offline 102=Offline")
		if b.names["101"] != "Agent 101" {
			t.Errorf("names %v", b.names)
		}
		r.set("102", "ringing")
		b.next()
		b.told(1)
		b.want("101=Offline 102=ringing")
		r.set("201", "talking") // not of the team
		r.set("102", "ringing") // the same again
		b.quiet(time.Second)
		if b.largest > listPacket {
			t.Errorf("a NOTIFY of %d bytes", b.largest)
		}
	})
}

func TestListNeedsTheExtension(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101")
		for name, c := range map[string]struct {
			uri, event string
			extra      []message.Header
			status     int
			list       bool
		}{
			"certain, without":      {"sip:team-sales@ex.test", "dialog", nil, 421, false},
			"plain, without, bare":  {"sip:sales@ex.test", "dialog", nil, 200, false},
			"plain, without":        {"sip:sales@ex.test", "presence", nil, 421, false},
			"plain, with":           {"sip:sales@ex.test", "dialog", []message.Header{{Name: message.Supported, Value: "replaces, eventlist"}}, 200, true},
			"demanded":              {"sip:team-sales@ex.test", "dialog", []message.Header{{Name: message.Require, Value: "eventlist"}}, 200, true},
			"by what it accepts":    {"sip:team-sales@ex.test", "presence", []message.Header{{Name: message.Accept, Value: "application/rlmi+xml"}}, 200, true},
			"no such team":          {"sip:team-x@ex.test", "dialog", []message.Header{{Name: message.Supported, Value: "eventlist"}}, 404, false},
			"an agent, with":        {"sip:101@ex.test", "dialog", []message.Header{{Name: message.Supported, Value: "eventlist"}}, 200, false},
			"another domain's":      {"sip:team-sales@other.test", "dialog", []message.Header{{Name: message.Supported, Value: "eventlist"}}, 403, false},
			"type we have not":      {"sip:team-sales@ex.test", "dialog", []message.Header{{Name: message.Accept, Value: "application/rlmi+xml, text/plain"}}, 406, false},
			"extension we have not": {"sip:team-sales@ex.test", "dialog", []message.Header{{Name: message.Require, Value: "eventlist, magic"}}, 420, false},
		} {
			p := r.phone("192.0.2.10:0", "201", c.uri)
			p.event, p.extra = c.event, c.extra
			m := p.subscribe()
			if m.Status != c.status {
				t.Errorf("%s: %d, want %d", name, m.Status, c.status)
			}
			if required := m.Get(message.Require) == "eventlist"; required != (c.list || c.status == 421) {
				t.Errorf("%s: Require %q", name, m.Get(message.Require))
			}
			if m.Status == 200 {
				n := p.notified(200)
				if is := strings.HasPrefix(n.Get(message.ContentType), "multipart/related"); is != c.list {
					t.Errorf("%s: Content-Type %q", name, n.Get(message.ContentType))
				}
			}
			p.Close()
		}
	})
}

func TestMembershipReachesLivingSubscriptions(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101", "201")
		b := r.board("tcp:192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		b.want("101=Offline 201=Offline")
		r.team("sales", "102") // added: told of alone
		b.next()
		b.told(1)
		b.want("101=Offline 201=Offline 102=Offline")
		r.set("102", "ringing")
		b.next()
		b.told(1)
		r.agent("102", func(a *presence.Agent) { a.Name = "Somebody" })
		b.next()
		b.told(1)
		if b.names["102"] != "Somebody" {
			t.Errorf("names %v", b.names)
		}
		r.leave("101") // gone: full state
		b.next()
		b.want("102=ringing 201=Offline")
		if !b.full {
			t.Error("a member left and the state is not full")
		}
		r.set("101", "talking")
		b.quiet(time.Second)
		if err := r.dir.Apply(context.Background(), directory.Edit{DeleteAgents: []presence.AgentID{r.agents["102"]}}); err != nil {
			t.Fatal(err)
		}
		b.next()
		b.want("201=Offline")
		r.agent("201", func(a *presence.Agent) { a.Number, a.AORs = "209", nil })
		b.next()
		b.want("209=Offline")
		r.leave("201")
		b.next()
		b.want("")
		r.team("sales", "101")
		b.next()
		b.want("101=talking")
	})
}

func TestNamedLists(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.list("", "desk", "101", "park-1", "102", "ann")
		r.list("101", "mine", "102")
		b := r.board("tcp:192.0.2.10:5060", "201", "sip:list-desk@ex.test")
		b.begin()
		b.want("101=Offline park-1=nothing 102=Offline ann=Offline")
		r.set("101", "ringing") // by two addresses
		b.next()
		b.told(2)
		bare := presence.BareAgentID(r.domain(), "park-1@ex.test")
		r.roster.set(bare, "parked")
		b.next()
		b.told(1)
		b.want("101=ringing park-1=parked 102=Offline ann=ringing")
		r.list("", "desk", "102")
		b.next()
		b.want("102=Offline")
		r.set("101", "idle")
		r.roster.set(bare, "free")
		b.quiet(time.Second)

		other := r.board("tcp:192.0.2.11:5060", "201", "sip:list-mine@ex.test")
		other.wantStatus(other.subscribe(), 404)
		own := r.board("tcp:192.0.2.12:5060", "101", "sip:mine@ex.test")
		own.begin()
		own.want("102=Offline")
		if err := r.lists.Delete(context.Background(), "test", r.domain(), presence.AgentID{}, "desk"); err != nil {
			t.Fatal(err)
		}
		m := b.next()
		b.wantSub(m, "terminated;reason=noresource")
		b.want("")
		time.Sleep(time.Second)
		if r.count() != 1 || r.rows() != 1 {
			t.Errorf("%d subscriptions, %d rows", r.count(), r.rows())
		}
	})
}

// An address on a list may become an agent's.
func TestAddressBecomesAnAgents(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.list("", "desk", "300")
		lampKey := r.board("tcp:192.0.2.10:5060", "201", "sip:list-desk@ex.test")
		lampKey.begin()
		lampKey.want("300=nothing")
		moodKey := r.board("tcp:192.0.2.11:5060", "201", "sip:list-desk@ex.test")
		moodKey.event = "presence"
		moodKey.begin()
		moodKey.want("300=terminatednoresource")
		id := presence.AgentID{ID: presence.NewID()}
		r.agents["300"] = id
		r.set("300", "hello")
		if err := r.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{{ID: id, Domain: r.domain(), Number: "300", Name: "New"}}}); err != nil {
			t.Fatal(err)
		}
		for _, b := range []*board{lampKey, moodKey} {
			b.next()
			b.told(1)
			b.want("300=hello")
		}
		r.set("300", "talking")
		lampKey.next()
		lampKey.want("300=talking")
	})
}

func TestRefreshAndEndOfAList(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		b := r.board("tcp:192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		time.Sleep(100 * time.Second)
		b.begin() // a refresh is answered by full state
		b.want("101=Offline 102=Offline")
		r.set("101", "ringing")
		b.next()
		b.expiry = "0"
		b.wantStatus(b.subscribe(), 200)
		m := b.next()
		b.wantSub(m, "terminated;reason=timeout")
		b.want("101=ringing 102=Offline")
		r.set("101", "talking")
		b.quiet(5 * time.Second)
		b.wantStatus(b.subscribe(), 481)
		if r.count() != 0 || r.rows() != 0 || r.n.counts.listed() != 0 {
			t.Error("something is left of the list")
		}
		r.nobodyWatched()
	})
}

// nobodyWatched: members' presentities went with the list.
func (r *rig) nobodyWatched() {
	r.t.Helper()
	time.Sleep(time.Second)
	r.n.people.each(func(p *presentity) bool {
		r.t.Errorf("presentity %s is still there with %d lists", p.agent, len(p.lists))
		return true
	})
}

func TestListExpires(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101")
		b := r.board("tcp:192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		b.quiet(600 * time.Second)
		m := b.await(20 * time.Second)
		b.take(m)
		b.wantSub(m, "terminated;reason=timeout")
		r.nobodyWatched()
	})
}

func TestFetchOfAListIsWhole(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.crowd("big", 20)
		b := r.board("192.0.2.10:5060", "201", "sip:team-big@ex.test")
		b.expiry = "0"
		b.wantStatus(b.subscribe(), 200)
		var m *message.Message
		for m == nil || !strings.HasPrefix(m.Get(message.SubscriptionState), "terminated") {
			m = b.next()
		}
		if len(b.order) != 20 || b.count < 2 || b.largest > listPacket {
			t.Errorf("%d members in %d NOTIFYs of %d bytes at most", len(b.order), b.count, b.largest)
		}
		b.quiet(time.Minute)
		r.nobodyWatched()
	})
}

// crowd makes a team of new agents, numbered from 5000.
func (r *rig) crowd(team string, n int) {
	r.t.Helper()
	e := directory.Edit{}
	for i := range n {
		number := fmt.Sprint(5000 + i)
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: r.domain(), Number: number, Name: "Agent " + number, Teams: []string{team}}
		r.agents[number] = a.ID
		e.Agents = append(e.Agents, a)
	}
	if err := r.dir.Apply(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
	for i := range n {
		r.set(fmt.Sprint(5000+i), "idle")
	}
}

func TestLargeListOverAStreamIsSplit(t *testing.T) {
	bubble(t, func(o *Options) { o.Packages = []Package{longLamp{}} }, func(t *testing.T, r *rig) {
		r.crowd("big", 300)
		b := r.board("tcp:192.0.2.10:5060", "201", "sip:team-big@ex.test")
		b.begin()
		for len(b.order) < 300 {
			b.next()
			if b.full {
				t.Fatal("a later part is full state")
			}
		}
		b.quiet(time.Second)
		if b.count < 3 || b.largest > listBody+4096 {
			t.Errorf("%d NOTIFYs of %d bytes at most", b.count, b.largest)
		}
	})
}

type longLamp struct{ lamp }

func (longLamp) Append(dst []byte, s *presence.Snapshot, v View) ([]byte, int) {
	return lamp{}.Append(append(dst, strings.Repeat("x", 400)...), s, v)
}

// A member whose document alone is too large is sent all the same, by itself.
func TestLargeMemberIsSentAlone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		r.set("101", strings.Repeat("y", 2000))
		b := r.board("192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		if b.changed != 1 {
			t.Errorf("%d members", b.changed)
		}
		b.next()
		b.told(1)
	})
}

func TestPartsFollowOneAfterAnother(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.crowd("big", 10)
		b := r.board("192.0.2.10:5060", "201", "sip:team-big@ex.test")
		b.wantStatus(b.subscribe(), 200)
		m := b.Expect(siptest.Method("NOTIFY"))
		r.set("5009", "ringing") // of a later part
		r.set("5000", "ringing") // of the part under way
		b.Respond(m, 200)
		b.take(m)
		for b.shows["5000"] != "ringing" || b.shows["5009"] != "ringing" {
			b.next()
		}
		b.quiet(time.Second)
		if len(b.order) != 10 || b.count > 12 {
			t.Errorf("%d members in %d NOTIFYs", len(b.order), b.count)
		}
	})
}

// A phone that changes hands keeps no list of its agent's own.
func TestOwnListStaysWithItsAgent(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.list("201", "mine", "101")
		r.list("102", "mine", "102")
		b := r.board("192.0.2.10:5060", "201", "sip:list-mine@ex.test")
		b.begin()
		b.want("101=Offline")
		e := directory.Edit{Assignments: []presence.Assignment{
			{Device: r.device("201"), Agent: r.agents["201"], To: time.Now()}, {Device: r.device("201"), Agent: r.agents["102"], From: time.Now()}}}
		if err := r.dir.Apply(context.Background(), e); err != nil {
			t.Fatal(err)
		}
		m := b.next()
		b.wantSub(m, "terminated;reason=deactivated")
		b.want("")
		b = r.board("192.0.2.11:5060", "201", "sip:list-mine@ex.test")
		b.begin()
		b.want("102=Offline")
	})
}

// Full state and its parts do not wait, changes do (RFC 6446 §5.3).
func TestChangesOfAListArePaced(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.crowd("big", 6)
		b := r.board("192.0.2.10:5060", "201", "sip:team-big@ex.test")
		b.event = "dialog;max-rate=0.1"
		start := time.Now()
		b.begin()
		for len(b.order) < 6 {
			b.next()
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("the parts took %s", took)
		}
		r.set("5000", "ringing")
		time.Sleep(2 * time.Second)
		r.set("5000", "talking")
		r.set("5001", "ringing")
		b.next()
		if took := time.Since(start); took < 9*time.Second || b.shows["5000"] != "talking" {
			t.Errorf("after %s it shows %q", took, b.shows["5000"])
		}
	})
}

// A list's state is no one document, so there is none to have already (RFC 5839).
func TestConditionalRefreshOfAListIsToldAll(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101")
		b := r.board("192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		b.extra = append(b.extra, message.Header{Name: message.SuppressIfMatch, Value: "*"})
		b.begin()
		b.want("101=Offline")
	})
}

func TestMembersDocumentsAreBounded(t *testing.T) {
	for want, s := range map[uint16]subscription{
		memberLimit: {transport: overUDP}, memberStream: {transport: overTLS, largest: 4000}, 2000: {transport: overUDP, largest: 4000},
	} {
		if got := s.memberLimit(); got != want {
			t.Errorf("over %s, %d bytes at most: %d, want %d", transportName(s.transport), s.largest, got, want)
		}
	}
}
