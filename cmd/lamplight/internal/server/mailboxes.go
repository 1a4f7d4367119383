package server

import (
	"context"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events/mailbox"
	"lamplight/web/api"
)

// mailboxes shows and sets waiting messages in the API's words.
type mailboxes struct {
	m         *mailbox.Mailboxes
	directory *directory.Directory
}

func (b mailboxes) Mailbox(dom *presence.Domain, account string) api.Mailbox {
	i, ok := b.m.Of(dom, account)
	if !ok {
		i.Agent, i.AOR = b.m.Owner(dom, account)
		i.Domain = dom.ID
	}
	return b.shown(&i)
}

func (b mailboxes) SetMailbox(ctx context.Context, dom *presence.Domain, account string, m api.Mailbox) error {
	s := mailbox.Summary{Waiting: m.Waiting, Account: m.MessageAccount}
	for class, c := range byClass(&m.Messages) {
		if *c != nil {
			counts := mailbox.Counts(**c)
			s.Counts[class] = &counts
		}
	}
	return b.m.Put(ctx, dom, account, s)
}

func (b mailboxes) ClearMailbox(ctx context.Context, dom *presence.Domain, account string) error {
	return b.m.Clear(ctx, dom, account)
}

// Mailboxes are in the order of their owners' ids.
func (b mailboxes) Mailboxes(p api.Part) ([]api.Mailbox, string) {
	of := part[api.Mailbox]{after: p.After, most: p.Limit}
	b.m.Each(func(i mailbox.Info) bool {
		if p.Domain.IsZero() || i.Domain == p.Domain {
			of.offer(i.Agent.String(), func() api.Mailbox { return b.shown(&i) })
		}
		return true
	})
	return of.done()
}

func (b mailboxes) shown(i *mailbox.Info) api.Mailbox {
	m := api.Mailbox{Account: i.AOR, Waiting: i.Summary.Waiting, MessageAccount: i.Summary.Account, ToldBy: i.Owners}
	if a, ok := b.directory.Agent(i.Agent); ok {
		m.Agent, m.Account = a.Number, a.Number
		if dom, ok := b.directory.Domain(a.Domain); ok {
			m.Account += "@" + dom.Name()
		}
	}
	for class, c := range byClass(&m.Messages) {
		if counts := i.Summary.Counts[class]; counts != nil {
			shown := api.MessageCounts(*counts)
			*c = &shown
		}
	}
	return m
}

// byClass is where the counts of each class stand.
func byClass(m *api.Messages) map[mailbox.Class]**api.MessageCounts {
	return map[mailbox.Class]**api.MessageCounts{
		mailbox.Voice: &m.Voice, mailbox.Fax: &m.Fax, mailbox.Pager: &m.Pager,
		mailbox.Multimedia: &m.Multimedia, mailbox.Text: &m.Text, mailbox.None: &m.None,
	}
}
