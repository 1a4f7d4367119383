package mailbox

import (
	"strings"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// TakeNotify takes a NOTIFY that nobody here asked for (RFC 3842 §3.5 knows none,
// but voicemail servers send them to whoever is registered with them), if it is
// of this package, outside a dialog, and from a peer that may publish. On false
// it is somebody else's to answer.
func (m *Mailboxes) TakeNotify(r *transaction.Request) bool {
	name, _, _ := strings.Cut(r.Get(message.Event), ";")
	peer, ok := m.peer(r)
	if !ok || r.ToTag() != "" || !strings.EqualFold(strings.TrimSpace(name), event) {
		return false
	}
	s, ok := m.readBody(r, peer)
	if !ok {
		return true
	}
	b := m.named(r, peer, m.notified(r))
	if b == nil {
		return true
	}
	m.enqueue(b, job{
		asked: true,
		apply: func(st *state, _ time.Time) error { st.take(byNotify(peer.Name), s); return nil },
		done: func(err error) {
			if err != nil {
				m.failed(r, err)
				return
			}
			r.Reply(200)
		},
	})
	return true
}

// notified is the URI a NOTIFY is about: the To header's, where it is of a domain
// of ours, because a contact may have been put in the Request-URI.
func (m *Mailboxes) notified(r *transaction.Request) string {
	to := r.To().URI
	if u, err := message.ParseURI(to); err == nil && u.User != "" {
		if _, ours := m.o.Directory.DomainByName(u.Host); ours {
			return to
		}
	}
	return r.URI
}
