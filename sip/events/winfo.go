package events

import (
	"lamplight/presence"
	"lamplight/sip/events/notifier"
	"lamplight/sip/events/winfo"
)

// winfoPackage tells who watches by means of another package: RFC 3857. Who may
// know is a matter of presence.Policy.MayWatch.
type winfoPackage struct{ of string }

func (p winfoPackage) Name() string    { return p.of + ".winfo" }
func (p winfoPackage) Types() []string { return winfoTypes }
func (p winfoPackage) Bare() bool      { return false }

// Surveys implements notifier.Surveyor.
func (p winfoPackage) Surveys() string { return p.of }

// Append is the document of nobody's watchers.
func (p winfoPackage) Append(dst []byte, _ *presence.Snapshot, v notifier.View) ([]byte, int) {
	return p.AppendWatchers(dst, nil, v)
}

// AppendWatchers implements notifier.Surveyor.
func (p winfoPackage) AppendWatchers(dst []byte, all []notifier.Watching, v notifier.View) ([]byte, int) {
	return winfo.Append(dst, v.Entity, p.of, all, v.Limit)
}
