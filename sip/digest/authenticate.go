package digest

import (
	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// Authenticate says which device sent the request. If it returns false it has
// answered the request itself: 401 with challenges, 400 for credentials that
// cannot be read or are about something else, 403 for a domain that is not
// served here or a source that sent too many wrong passwords.
func (a *Authority) Authenticate(r *transaction.Request) (Identity, bool) {
	v := a.Verify(r.Message, r.Flow.Source())
	if v.Status == 0 {
		return v.Identity, true
	}
	b := message.NewResponse(r.Message, v.Status, v.Phrase)
	for _, h := range v.Challenges {
		b.Add(h.Name, h.Value)
	}
	r.Respond(b)
	return Identity{}, false
}
