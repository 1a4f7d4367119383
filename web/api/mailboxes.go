package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"lamplight/presence"
)

// MessageCounts are of one class of messages.
type MessageCounts struct {
	New       uint32 `json:"new"`
	Old       uint32 `json:"old"`
	UrgentNew uint32 `json:"urgent_new,omitempty"`
	UrgentOld uint32 `json:"urgent_old,omitempty"`
}

// Messages are the counts by class; nil: nothing is said of the class.
type Messages struct {
	Voice      *MessageCounts `json:"voice,omitempty"`
	Fax        *MessageCounts `json:"fax,omitempty"`
	Pager      *MessageCounts `json:"pager,omitempty"`
	Multimedia *MessageCounts `json:"multimedia,omitempty"`
	Text       *MessageCounts `json:"text,omitempty"`
	None       *MessageCounts `json:"none,omitempty"`
}

// all are the counts that there are.
func (m *Messages) all() []*MessageCounts {
	return slices.DeleteFunc([]*MessageCounts{m.Voice, m.Fax, m.Pager, m.Multimedia, m.Text, m.None}, func(c *MessageCounts) bool { return c == nil })
}

// Mailbox is what phones are told of waiting messages.
type Mailbox struct {
	Account        string   `json:"account"`         // the user it belongs to, with its domain
	Agent          string   `json:"agent,omitempty"` // its agent's number
	Waiting        bool     `json:"waiting"`
	MessageAccount string   `json:"message_account,omitempty"`
	Messages       Messages `json:"messages"`
	ToldBy         []string `json:"told_by,omitempty"`
}

// Mailboxes keeps what is known of waiting messages. account is a user of the
// domain.
type Mailboxes interface {
	Mailbox(dom *presence.Domain, account string) Mailbox
	SetMailbox(ctx context.Context, dom *presence.Domain, account string, m Mailbox) error
	ClearMailbox(ctx context.Context, dom *presence.Domain, account string) error
	Mailboxes(Part) (list []Mailbox, next string)
}

// account is the user that the path names, by number, id or address, and the
// agent if there is one.
func (a *API) account(r *request) (*presence.Domain, string, *presence.Agent, error) {
	dom, err := a.domain(r)
	if err != nil {
		return nil, "", nil, err
	}
	if a.o.Mailboxes == nil {
		return nil, "", nil, errNoSIP()
	}
	name := r.PathValue("account")
	if user, host, ok := strings.Cut(name, "@"); ok {
		if d, known := a.o.Directory.DomainByName(host); !known || d.ID != dom.ID {
			return nil, "", nil, problem(http.StatusNotFound, "%s is not of the domain %s", name, dom.Name())
		}
		name = user
	}
	if name == "" || len(name) > 128 || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return nil, "", nil, problem(http.StatusBadRequest, "%q can be no user", name)
	}
	agent, err := a.agentNamed(dom, name)
	if err != nil {
		return dom, name, nil, nil //nolint:nilerr // a mailbox of its own, such as a team's
	}
	return dom, agent.Number, agent, nil
}

// listMailboxes shows the mailboxes of the domain that something is known of.
func (a *API) listMailboxes(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	if a.o.Mailboxes == nil {
		return errNoSIP()
	}
	list, next := a.o.Mailboxes.Mailboxes(r.part(dom.ID, defaultPage))
	return page(r, "mailboxes", list, next)
}

// getMailbox shows what phones are told of a mailbox.
func (a *API) getMailbox(r *request) error {
	dom, account, agent, err := a.account(r)
	if err != nil {
		return err
	}
	if !r.subject.Has(presence.RoleSupervisor) && (agent == nil || !r.subject.Is(agent.ID)) {
		return forbidden("%s may see their own mailbox only", r.subject.Actor())
	}
	return r.answer(http.StatusOK, a.o.Mailboxes.Mailbox(dom, account))
}

// setMailbox says how many messages wait; phones are told at once.
func (a *API) setMailbox(r *request) error {
	var in struct {
		Waiting        *bool    `json:"waiting"`
		MessageAccount string   `json:"message_account"`
		Messages       Messages `json:"messages"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	dom, account, _, err := a.account(r)
	if err != nil {
		return err
	}
	m := Mailbox{MessageAccount: in.MessageAccount, Messages: in.Messages}
	for _, c := range in.Messages.all() {
		m.Waiting = m.Waiting || c.New > 0
	}
	if in.Waiting != nil {
		m.Waiting = *in.Waiting
	}
	if strings.ContainsFunc(m.MessageAccount, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return problem(http.StatusUnprocessableEntity, "message_account must be a URI")
	}
	if err := a.o.Mailboxes.SetMailbox(r.Context(), dom, account, m); err != nil {
		return err
	}
	return r.answer(http.StatusOK, a.o.Mailboxes.Mailbox(dom, account))
}

// clearMailbox forgets what was told of a mailbox, by whomever.
func (a *API) clearMailbox(r *request) error {
	dom, account, _, err := a.account(r)
	if err != nil {
		return err
	}
	if err := a.o.Mailboxes.ClearMailbox(r.Context(), dom, account); err != nil {
		return err
	}
	return r.noContent()
}
