package events

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/icholy/digest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// watcher is a lamp key of a strict phone. It subscribes, refreshes and begins
// anew as phones do, takes no NOTIFY whose CSeq is not higher than the last, no
// document whose version is not, and has answered 200 when its lamp has changed.
type watcher struct {
	*station // its mu guards everything below

	user, event, uri string
	expires          int
	// params are further ones of its Event header; agent is its User-Agent;
	// conditional: a refresh says which document the watcher has (RFC 5839).
	params, agent string
	conditional   bool

	callID, tag string
	to          string // with the server's tag, once it is known
	target      string // Contact of the server; "" outside a dialog
	seq         uint32
	challenge   *digest.Challenge
	nc          int
	attempts    int // 401s in a row
	next        *time.Timer
	ended       bool

	etag    string            // of the document taken last
	cseq    uint32            // of the last NOTIFY taken
	version int64             // of the last document taken
	live    map[string]string // dialogs that are not over, by id
	lamp    string
	at      time.Time // when the lamp last changed
	dialogs int       // begun so far
	ignored int       // documents that a strict phone does not take
	changes int       // documents of partial state
	spared  int       // refreshes that needed no NOTIFY
}

func newWatcher(n *siptest.Net, addr, user, event, uri string, expires int) *watcher {
	w := &watcher{station: newStation(n, addr), user: user, event: event, uri: uri, expires: expires}
	w.serve = w.notifiedLocked
	return w
}

// start subscribes after a while.
func (w *watcher) start(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.anewLocked()
	w.laterLocked(after)
}

// anewLocked forgets the dialog, and with it what was known of its numbers.
func (w *watcher) anewLocked() {
	w.callID, w.tag = message.NewCallID(""), message.NewTag()
	w.to, w.target, w.etag, w.cseq, w.version = "<"+w.uri+">", "", "", 0, -1
	w.dialogs++
}

// laterLocked subscribes or refreshes after a while; a plan made before is
// dropped.
func (w *watcher) laterLocked(after time.Duration) {
	if w.next != nil {
		w.next.Stop()
	}
	w.next = time.AfterFunc(after, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.ended {
			w.subscribeLocked()
		}
	})
}

func (w *watcher) subscribeLocked() {
	w.seq++
	uri := w.uri
	if w.target != "" {
		uri = w.target
	}
	b := message.NewRequest("SUBSCRIBE", uri).Add(message.MaxForwards, "70").
		Add(message.From, "<sip:"+w.user+"@ex.test>;tag="+w.tag).Add(message.To, w.to).
		Add(message.CallID, w.callID).Add(message.CSeq, fmt.Sprint(w.seq, " SUBSCRIBE")).
		Add(message.Contact, "<sip:"+w.user+"@"+w.port.Addr().String()+">").
		Add(message.Event, w.event+w.params).Add(message.Expires, strconv.Itoa(w.expires))
	if w.agent != "" {
		b.Add("User-Agent", w.agent)
	}
	if w.conditional && w.etag != "" {
		b.Add(message.SuppressIfMatch, w.etag)
	}
	if w.challenge != nil {
		w.nc++
		c, err := digest.Digest(w.challenge, digest.Options{Method: "SUBSCRIBE", URI: uri, Username: w.user, Password: "secret", Count: w.nc})
		if err != nil {
			panic(err)
		}
		b.Add(message.Authorization, c.String())
	}
	callID := w.callID
	w.askLocked(b, func(m *message.Message) {
		if w.callID == callID && !w.ended {
			w.answeredLocked(m)
		}
	})
}

func (w *watcher) answeredLocked(m *message.Message) {
	switch {
	case m == nil: // RFC 6665 §4.1.2.2: the dialog stays until it expires
		w.laterLocked(5 * time.Second)
	case m.Status == 401 && w.attempts < 3:
		w.attempts++
		c, err := digest.ParseChallenge(m.Get(message.WWWAuthenticate))
		if err != nil {
			panic(err)
		}
		w.challenge, w.nc = c, 0
		w.subscribeLocked()
	case m.Status == 200 || m.Status == 204:
		if w.attempts = 0; m.Status == 204 {
			w.spared++
		}
		w.establishLocked(m.Get(message.To), m)
		granted, _ := m.ExpiresHeader()
		w.laterLocked(time.Duration(granted) * time.Second * 9 / 10)
	case m.Status == 481:
		w.anewLocked()
		w.subscribeLocked()
	default:
		w.attempts = 0
		after, ok := message.ParseSeconds(m.Get(message.RetryAfter))
		if !ok {
			after = 5
		}
		w.laterLocked(time.Duration(after) * time.Second)
	}
}

// establishLocked takes the server's part of the dialog from what came first of
// it: the 200, or a NOTIFY (RFC 6665 §4.4.1).
func (w *watcher) establishLocked(remote string, m *message.Message) {
	if c, err := m.Contacts(); err == nil && len(c) == 1 {
		w.to, w.target = remote, c[0].URI
	}
}

func (w *watcher) notifiedLocked(m *message.Message) *message.Builder {
	if m.Method != "NOTIFY" {
		return message.NewResponse(m, 405, "")
	}
	if m.CallID() != w.callID || m.ToTag() != w.tag || w.target != "" && m.Get(message.From) != w.to {
		return message.NewResponse(m, 481, "")
	}
	cseq, _ := m.CSeq()
	if cseq <= w.cseq { // RFC 3261 §12.2.2
		return message.NewResponse(m, 500, "")
	}
	w.cseq = cseq
	w.establishLocked(m.Get(message.From), m)
	if strings.HasPrefix(m.Get(message.SubscriptionState), "terminated") {
		w.anewLocked()
		w.laterLocked(time.Second)
		return message.NewResponse(m, 200, "")
	}
	w.readLocked(string(m.Body))
	w.etag = m.Get(message.SIPETag)
	return message.NewResponse(m, 200, "")
}

// readLocked makes the lamp of a document.
func (w *watcher) readLocked(doc string) {
	lamp := between(doc, "<basic>", "</basic>") + " " + between(doc, "<note>", "</note>")
	if w.event == "dialog" {
		root := between(doc, "<dialog-info", ">")
		version, err := strconv.ParseInt(between(root, ` version="`, `"`), 10, 64)
		change := between(root, ` state="`, `"`) == "partial"
		if err != nil || version <= w.version || change && (w.agent != partial || version != w.version+1) {
			w.ignored++ // RFC 4235 §4.3: of a change to what one has not got
			return
		}
		w.version = version
		if change {
			w.changes++
		} else {
			w.live = map[string]string{}
		}
		w.applyLocked(doc)
		lamp = "terminated"
		for _, state := range w.live {
			if lamp != "terminated" {
				state = "several calls"
			}
			lamp = state
		}
	}
	if lamp != w.lamp {
		w.lamp, w.at = lamp, time.Now()
	}
}

// applyLocked takes note of the dialogs of a document.
func (w *watcher) applyLocked(doc string) {
	for i, d := range strings.Split(doc, "<dialog ") {
		if i == 0 {
			continue
		}
		id, state := between(d, `id="`, `"`), between(d, "<state>", "</state>")
		if state == "terminated" {
			delete(w.live, id)
			continue
		}
		w.live[id] = between(d, `call-id="`, `"`) + " " + state
		if strings.Contains(d, "+sip.rendering") {
			w.live[id] += " held"
		}
	}
}

func between(s, from, to string) string {
	_, rest, _ := strings.Cut(s, from)
	v, _, _ := strings.Cut(rest, to)
	return v
}

func (w *watcher) stop() {
	w.mu.Lock()
	w.ended = true
	if w.next != nil {
		w.next.Stop()
	}
	w.mu.Unlock()
	w.close()
}
