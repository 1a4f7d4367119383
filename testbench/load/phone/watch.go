package phone

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Watch is one subscription of a phone and what it was told.
type Watch struct {
	Phone  *Phone
	Target string // number watched
	Event  string // dialog or presence

	// Headers are further lines of every SUBSCRIBE, each with its CRLF, such as
	// what the phone accepts. Contact is its Contact as a whole, where it is not
	// the plain address.
	Headers, Contact string
	// Body goes with a SUBSCRIBE that begins a dialog.
	Body string
	// OnMessage gets each NOTIFY but repeated ones as it came, under the same
	// rules as OnNotify.
	OnMessage func(raw []byte)
	// OnNotify is called for each NOTIFY but repeated ones, on the goroutine that
	// reads the line. Set before Subscribe.
	OnNotify func(*Watch)

	mu      sync.Mutex
	callID  string // guarded by mu, like all below
	to      string
	contact string
	seq     uint32
	state   State
	wrong   []string
}

// State is what a watch knows.
type State struct {
	Notifies int
	CSeq     uint32
	Version  int64  // of the dialog-info; -1: none yet
	Lamp     string // state of the first dialog, or the presence's note
	At       time.Time
	Sub      string // Subscription-State
}

// State is what the watch was last told.
func (w *Watch) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// Wrong are the NOTIFYs that broke a promise: a CSeq or version that does not
// grow.
func (w *Watch) Wrong() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong
}

// Subscribe subscribes, or refreshes when there is a dialog; 0 ends it.
func (w *Watch) Subscribe(expires int) (Response, error) {
	p := w.Phone
	w.mu.Lock()
	if w.callID == "" {
		w.callID = "s" + w.Event[:1] + strconv.FormatUint(p.Line.ids.Add(1), 36) + "-" + p.User + "-" + w.Target + "-" + p.Line.id()
		w.state.Version = -1
		p.Line.mu.Lock()
		p.Line.watches[w.callID] = w
		p.Line.mu.Unlock()
	}
	aor := "sip:" + w.Target + "@" + p.Domain
	uri, to, body := aor, "<"+aor+">", w.Body
	if w.to != "" {
		uri, to, body = w.contact, w.to, ""
	}
	w.mu.Unlock()
	res, err := p.Do("SUBSCRIBE", uri, func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seq++
		contact := w.Contact
		if contact == "" {
			contact = "<" + p.Contact(0) + ">"
		}
		return "From: <sip:" + p.Number + "@" + p.Domain + ">;tag=w" + w.callID + "\r\nTo: " + to + "\r\nCall-ID: " + w.callID +
			"\r\nCSeq: " + strconv.Itoa(int(w.seq)) + " SUBSCRIBE\r\nContact: " + contact + "\r\nEvent: " + w.Event +
			"\r\nExpires: " + strconv.Itoa(expires) + "\r\n" + w.Headers
	}, body)
	if err == nil && res.Status == 200 {
		w.mu.Lock()
		w.to = res.Get("To")
		w.contact = strings.Trim(strings.SplitN(res.Get("Contact"), ">", 2)[0], "<")
		w.mu.Unlock()
	}
	return res, err
}

// notified takes a NOTIFY; true: it came before.
func (w *Watch) notified(b []byte) (again bool) {
	cseq, _, _ := strings.Cut(field(b, "CSeq"), " ")
	n, _ := strconv.ParseUint(cseq, 10, 32)
	doc := body(b)
	w.mu.Lock()
	if uint32(n) == w.state.CSeq {
		w.mu.Unlock()
		return true
	}
	if uint32(n) < w.state.CSeq {
		w.wrongLocked("CSeq %d after %d", n, w.state.CSeq)
	}
	w.state.CSeq = uint32(n)
	w.state.Notifies++
	w.state.Sub = field(b, "Subscription-State")
	w.state.At = time.Now()
	if len(doc) > 0 {
		w.readLocked(doc)
	}
	w.mu.Unlock()
	if w.OnMessage != nil {
		w.OnMessage(b)
	}
	if w.OnNotify != nil {
		w.OnNotify(w)
	}
	return false
}

func (w *Watch) readLocked(doc []byte) {
	if w.Event != "dialog" {
		w.state.Lamp = after(doc, "<note>", "</note>")
		if w.state.Lamp == "" {
			w.state.Lamp = after(doc, `<note xml:lang="en">`, "</note>")
		}
		return
	}
	w.state.Lamp = after(doc, "<state>", "</state>")
	root := "<dialog-info"
	if strings.Contains(string(doc), "<list ") { // of a list, whose members' versions do not count
		root = "<list "
	}
	v, err := strconv.ParseInt(after(after2(doc, root), ` version="`, `"`), 10, 64)
	if err != nil {
		w.wrongLocked("no version in %q", doc)
		return
	}
	if v <= w.state.Version {
		w.wrongLocked("version %d after %d", v, w.state.Version)
	}
	w.state.Version = v
}

func after2(doc []byte, mark string) []byte { return []byte(mark + after(doc, mark, ">")) }

func (w *Watch) wrongLocked(format string, args ...any) {
	if len(w.wrong) < 10 {
		w.wrong = append(w.wrong, fmt.Sprintf("%s watching %s (%s): ", w.Phone.User, w.Target, w.Event)+fmt.Sprintf(format, args...))
	}
}
