package events

import (
	"lamplight/presence"
	"lamplight/sip/events/dialoginfo"
	"lamplight/sip/events/mailbox"
	"lamplight/sip/events/notifier"
	"lamplight/sip/events/pidf"
	"lamplight/sip/events/reginfo"
	"lamplight/sip/events/winfo"
	"lamplight/sip/quirks"
)

// packages are the event packages served. A further one is a further type like
// those below.
func packages(o *Options, m *mailbox.Mailboxes, reg *regPackage) []notifier.Package {
	all := []notifier.Package{dialogPackage{}, presencePackage{}, summaryPackage{m}, &featurePackage{o.Directory, o.Roster},
		winfoPackage{"presence"}, winfoPackage{"dialog"}}
	if reg != nil {
		all = append(all, reg)
	}
	return all
}

// dialogPackage is the lamp: RFC 4235. Addresses without an agent (parking
// slots, queues) can be watched too; they are known from publications.
type dialogPackage struct{}

func (dialogPackage) Name() string    { return "dialog" }
func (dialogPackage) Types() []string { return dialogTypes }
func (dialogPackage) Bare() bool      { return true }
func (dialogPackage) Listable()       {}

func (dialogPackage) Append(dst []byte, s *presence.Snapshot, v notifier.View) ([]byte, int) {
	start := len(dst)
	doc, version := dialoginfo.Append(dst, s, dialogView(&v))
	return doc, version - start
}

// AppendChanges implements notifier.Differ.
func (dialogPackage) AppendChanges(dst []byte, before, after *presence.Snapshot, v notifier.View) ([]byte, int, bool) {
	start := len(dst)
	doc, version, ok := dialoginfo.AppendChanges(dst, before, after, dialogView(&v))
	return doc, version - start, ok
}

func dialogView(v *notifier.View) dialoginfo.View {
	return dialoginfo.View{
		Entity: v.Entity, Limit: v.Limit, Brief: v.Brief, Hidden: v.Hidden, Busy: v.Quirks.Has(quirks.BusyLamp), Single: v.Quirks.Has(quirks.SingleDialog),
		NoPval: v.Quirks.Has(quirks.PvalueOnly), NoPvalue: v.Quirks.Has(quirks.PvalOnly),
	}
}

// presencePackage is the agent's status: RFC 3856.
type presencePackage struct{}

func (presencePackage) Name() string    { return "presence" }
func (presencePackage) Types() []string { return presenceTypes }
func (presencePackage) Bare() bool      { return false }
func (presencePackage) Listable()       {}

func (presencePackage) Append(dst []byte, s *presence.Snapshot, v notifier.View) ([]byte, int) {
	if s == nil {
		s = nobody
	}
	switch {
	case v.Type == pidf.ContentTypeXPIDF:
		return pidf.AppendXPIDF(dst, s, v.Entity), -1
	case v.Quirks.Has(quirks.CiscoActivities):
		return pidf.AppendCisco(dst, s, v.Entity), -1
	}
	return pidf.Append(dst, s, v.Entity), -1
}

// Prefer implements notifier.Chooser.
func (presencePackage) Prefer(q quirks.Set) string {
	if q.Has(quirks.XPIDF) {
		return pidf.ContentTypeXPIDF
	}
	return ""
}

// summaryPackage tells of waiting messages: RFC 3842. Nobody is refused, a
// mailbox that nobody told of is empty: some phones that are refused ask again
// without a pause.
type summaryPackage struct{ mailboxes *mailbox.Mailboxes }

func (summaryPackage) Name() string    { return "message-summary" }
func (summaryPackage) Types() []string { return summaryTypes }
func (summaryPackage) Bare() bool      { return true }

// State implements notifier.Stater.
func (p summaryPackage) State(of presence.AgentID) uint64 { return p.mailboxes.Number(of) }

func (p summaryPackage) Append(dst []byte, _ *presence.Snapshot, v notifier.View) ([]byte, int) {
	return p.mailboxes.Append(dst, v.Agent), -1
}

// What the packages return each time, made once.
//
//nolint:gochecknoglobals // never changed
var (
	dialogTypes   = []string{dialoginfo.ContentType}
	presenceTypes = []string{pidf.ContentType, pidf.ContentTypeCPIM, pidf.ContentTypeXPIDF}
	summaryTypes  = []string{mailbox.ContentType}
	winfoTypes    = []string{winfo.ContentType}
	regTypes      = []string{reginfo.ContentType}
	nobody        = &presence.Snapshot{}
)
