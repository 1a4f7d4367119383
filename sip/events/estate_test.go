package events

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// estate is a call centre: agents who are called and change their status, and
// the phones that watch them.
type estate struct {
	*rig
	agents   []*colleague
	watchers []*watcher
	wire     *wire
	serving  atomic.Pointer[roster.Roster] // of the newest start
}

// devices is how many phones share out the watchers, each with its password.
const devices = 100

// estate makes a call centre of so many agents, each watched by so many lamps.
func (r *rig) estate(agents, lamps int) *estate {
	r.t.Helper()
	e := &estate{rig: r, wire: newWire()}
	e.serving.Store(r.roster)
	dom, _ := r.dir.DomainByName("ex.test")
	edit := directory.Edit{Actor: "test"}
	for i := range agents {
		number := strconv.Itoa(5000 + i)
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: number, Name: "Agent " + number, AORs: []string{number + "@ex.test"}}
		page := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindWebphone, Name: "page of " + number}
		edit.Agents, edit.Devices = append(edit.Agents, a), append(edit.Devices, page)
		edit.Assignments = append(edit.Assignments, presence.Assignment{Device: page.ID, Agent: a.ID})
		r.ids[number] = a.ID
		e.agents = append(e.agents, newColleague(e, i, number, page.ID))
	}
	for i := range devices {
		user := "w" + strconv.Itoa(i)
		dev := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindDesk, Name: user}
		ha1, err := digest.HA1("MD5", user, "ex.test", "secret")
		if err != nil {
			r.t.Fatal(err)
		}
		edit.Devices = append(edit.Devices, dev)
		edit.Credentials = append(edit.Credentials, presence.Credential{Domain: dom.ID, Device: dev.ID, Username: user, HA1: presence.HA1{MD5: ha1}})
		edit.Assignments = append(edit.Assignments, presence.Assignment{Device: dev.ID, Agent: r.ids["201"]})
	}
	// An edit waits for the store with the directory's mutex held, and a mutex
	// that is waited for stops the bubble's clock: let the roster's start be over.
	synctest.Wait()
	if err := r.dir.Apply(context.Background(), edit); err != nil {
		r.t.Fatal(err)
	}
	for k := range lamps {
		for i, a := range e.agents {
			n := len(e.watchers)
			event, expires := "dialog", 3600
			if k%4 == 3 {
				event = "presence"
			}
			if k%2 == 0 {
				expires = 90
			}
			addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(k), byte(i >> 8), byte(i)}), 5060)
			w := newWatcher(r.net, addr.String(), "w"+strconv.Itoa(n%devices), event, "sip:"+a.number+"@ex.test", expires)
			switch k % 10 {
			case 2, 4:
				w.conditional = true
			case 8, 9:
				w.agent = partial
			case 6, 7:
				w.params = ";max-rate=0.2" // not more often than each five seconds (RFC 6446)
			}
			e.watchers = append(e.watchers, w)
		}
	}
	return e
}

func (e *estate) close() {
	for _, w := range e.watchers {
		w.stop()
	}
	for _, a := range e.agents {
		a.close()
	}
}

// colleague is an agent with a PBX that tells of the agent's calls and a page on
// which the agent sets the status. What has been told is the truth that lamps
// are held against.
type colleague struct {
	*station // the PBX's; its mu guards everything below

	estate *estate
	number string
	page   presence.DeviceID
	rng    *rand.Rand

	etag    string
	version int
	calls   int
	state   string // of the call; "" or terminated: none
	dnd     bool
	busy    bool      // a change is on its way
	until   time.Time // no changes after that
	last    time.Time // when the last change was told
	changes int
	wrong   []string
}

func newColleague(e *estate, i int, number string, page presence.DeviceID) *colleague {
	addr, err := netip.ParseAddrPort(pbxA)
	if err != nil {
		panic(err)
	}
	at := netip.AddrPortFrom(addr.Addr(), uint16(20000+i))
	a := &colleague{station: newStation(e.net, at.String()), estate: e, number: number, page: page, rng: rand.New(rand.NewPCG(uint64(i), 9))}
	a.serve = func(m *message.Message) *message.Builder { return message.NewResponse(m, 405, "") }
	return a
}

// live goes online and changes every few seconds until then.
func (a *colleague) live(until time.Time) {
	a.comeOnline()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = until
	a.soonLocked()
}

func (a *colleague) soonLocked() {
	time.AfterFunc(4*time.Second+time.Duration(a.rng.Int64N(int64(14*time.Second))), func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if time.Now().After(a.until) {
			return
		}
		if a.rng.IntN(4) == 0 {
			a.selectLocked()
			return
		}
		a.callLocked()
	})
}

// comeOnline is the page, also after a restart of the server.
func (a *colleague) comeOnline() {
	s := presence.Session{ID: "page-" + a.number, Device: a.page, Client: "web", State: presence.SessionAlive, Mic: presence.MicGranted, MicProven: true, Since: time.Now()}
	a.estate.serving.Load().Apply(a.estate.ids[a.number], roster.Change{Ops: []roster.Op{roster.PutSession{Session: s}}}, nil)
}

// selectLocked sets or ends Do Not Disturb, and again until it is stored.
func (a *colleague) selectLocked() {
	a.busy = true
	want := presence.SelectDND
	if a.dnd {
		want = presence.SelectAvailable
	}
	a.estate.serving.Load().Apply(a.estate.ids[a.number], roster.Change{Cause: presence.CauseAgent, Ops: []roster.Op{roster.Select{Status: want}}}, func(_ *presence.Snapshot, err error) {
		go func() { // off the roster's goroutine
			a.mu.Lock()
			defer a.mu.Unlock()
			if err != nil { // the server went away meanwhile: the page asks the next one
				time.AfterFunc(5*time.Second, func() {
					a.mu.Lock()
					defer a.mu.Unlock()
					a.selectLocked()
				})
				return
			}
			a.dnd = want == presence.SelectDND
			a.toldLocked()
		}()
	})
}

func (a *colleague) toldLocked() {
	a.busy, a.last = false, time.Now()
	a.changes++
	a.soonLocked()
}

// callLocked moves the call on: it rings, is answered, held, and ends.
func (a *colleague) callLocked() {
	a.busy = true
	switch a.state {
	case "", "terminated":
		a.calls++
		a.state = "early"
	case "early":
		a.state = "confirmed"
	case "confirmed":
		if a.rng.IntN(2) == 0 {
			a.state = "held"
		} else {
			a.state = "terminated"
		}
	default:
		a.state = "terminated"
	}
	a.publishLocked()
}

func (a *colleague) callID() string { return a.number + "-" + strconv.Itoa(a.calls) }

func (a *colleague) publishLocked() {
	uri := "sip:" + a.number + "@ex.test"
	d := dialog("d", a.callID(), "recipient", strings.Replace(a.state, "held", "confirmed", 1))
	if a.state == "held" {
		d = strings.Replace(d, "<remote>", `<local><target uri="u"><param pname="+sip.rendering" pval="no"/></target></local><remote>`, 1)
	}
	p := pbx{entity: uri}
	doc := p.info(a.version, d)
	a.version++
	b := message.NewRequest("PUBLISH", uri).Add(message.MaxForwards, "70").Add(message.From, "<"+uri+">;tag="+message.NewTag()).
		Add(message.To, "<"+uri+">").Add(message.CallID, message.NewCallID("")).Add(message.CSeq, "1 PUBLISH").
		Add(message.Event, "dialog").Add(message.Expires, "3600")
	if a.etag != "" {
		b.Add(message.SIPIfMatch, a.etag)
	}
	b.Body("application/dialog-info+xml", []byte(doc))
	a.askLocked(b, func(m *message.Message) {
		switch {
		case m == nil: // not known whether it was taken
			a.publishLocked()
		case m.Status == 200:
			a.etag = m.Get(message.SIPETag)
			a.toldLocked()
		case m.Status == 412:
			a.etag = ""
			a.publishLocked()
		case m.Status == 503:
			time.AfterFunc(time.Second, func() {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.publishLocked()
			})
		default:
			a.wrong = append(a.wrong, fmt.Sprintf("PUBLISH answered %d: %s", m.Status, m.Raw))
		}
	})
}

// lamp is what a watcher of the package must show now.
func (a *colleague) lamp(event string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := a.state != "" && a.state != "terminated"
	switch {
	case event == "presence" && call && a.state != "early":
		return "open On a Call"
	case event == "presence" && a.dnd:
		return "closed Do Not Disturb"
	case event == "presence":
		return "open Available"
	case call && a.state == "held":
		return a.callID() + " confirmed held"
	case call:
		return a.callID() + " " + a.state
	}
	return "terminated"
}

// settled waits until every change is told, and returns when the last was.
func (e *estate) settled() (last time.Time) {
	for patience := time.Now().Add(10 * time.Minute); ; {
		open := 0
		for _, a := range e.agents {
			a.mu.Lock()
			if a.busy || time.Now().Before(a.until) {
				open++
			}
			if a.last.After(last) {
				last = a.last
			}
			a.mu.Unlock()
		}
		if open == 0 || time.Now().After(patience) {
			return last
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// wire holds what leaves the server to its word: no CSeq, version or entity tag
// goes backward, whatever is lost, and across restarts.
type wire struct {
	mu       sync.Mutex
	dialogs  map[string]*numbers // by Call-ID; guarded by mu
	tags     map[string]*numbers // by the half of the entity tag that names a publication; guarded by mu
	wrong    []string            // guarded by mu
	notifies int                 // guarded by mu
}

// numbers are the newest of a dialog or publication, and what they were sent in.
type numbers struct {
	branch        string
	cseq, version int64
}

func newWire() *wire { return &wire{dialogs: map[string]*numbers{}, tags: map[string]*numbers{}} }

// sent sees a datagram of the server; it fits siptest.Faults.Drop, and drops
// nothing.
func (w *wire) sent(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := string(b)
	switch {
	case strings.HasPrefix(s, "NOTIFY "):
		next := numbers{branch: between(s, ";branch=", ";"), cseq: number(between(s, "\r\nCSeq: ", " ")), version: -1}
		if strings.Contains(s, "<dialog-info") {
			next.version = number(between(s, `" version="`, `"`))
		}
		w.growsLocked(w.dialogs, between(s, "\r\nCall-ID: ", "\r\n"), next)
		w.notifies++
	case strings.Contains(s, "\r\nSIP-ETag: "):
		id, change, _ := strings.Cut(between(s, "\r\nSIP-ETag: ", "\r\n"), "-")
		n, err := strconv.ParseInt(change, 16, 64)
		if err != nil {
			n = -1
		}
		w.growsLocked(w.tags, id, numbers{branch: between(s, ";branch=", ";"), cseq: n, version: -1})
	}
	return false
}

func (w *wire) growsLocked(m map[string]*numbers, key string, next numbers) {
	last := m[key]
	switch {
	case last == nil:
		m[key] = &next
	case last.branch == next.branch && last.cseq == next.cseq: // sent again
	case next.cseq <= last.cseq || next.version >= 0 && next.version <= last.version:
		if len(w.wrong) < 10 {
			w.wrong = append(w.wrong, fmt.Sprintf("%s: %+v after %+v", key, next, *last))
		}
	default:
		*last = next
	}
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// inEstate runs f in a call centre on a network that behaves.
func inEstate(t *testing.T, agents, lamps int, f func(*testing.T, *estate)) {
	t.Helper()
	bubble(t, func(t *testing.T, r *rig) {
		e := r.estate(agents, lamps)
		f(t, e)
		e.close()
		synctest.Wait()
	})
}

// faults makes the network lose, double and shuffle a fifth of what each side
// sends, and the lamps that dead reports to be cut off lose everything.
func (e *estate) faults(loss float64, dead func(netip.AddrPort) bool) {
	f := siptest.Faults{Seed: 11, Loss: loss, Duplicate: loss, Reorder: loss, Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond, ReorderBy: 80 * time.Millisecond}
	f.Drop = func(from, _ netip.AddrPort, _ []byte) bool { return dead != nil && dead(from) }
	e.net.SetFaults(f)
	f.Drop = func(_, to netip.AddrPort, b []byte) bool { return e.wire.sent(b) || dead != nil && dead(to) }
	e.net.SetFaultsFrom(netip.MustParseAddrPort(server), f)
}
