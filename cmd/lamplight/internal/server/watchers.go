package server

import (
	"lamplight/presence"
	"lamplight/sip/events"
	"lamplight/sip/events/notifier"
	"lamplight/web/api"
)

// watchers shows subscriptions in the API's words.
type watchers struct{ e *events.Events }

func (w watchers) Watchers(of presence.AgentID, f func(api.Watcher) bool) {
	w.e.Subscriptions(of, func(i notifier.Info) bool {
		return f(api.Watcher{
			ID: i.ID, Of: i.Presentity, Event: i.Event, Entity: i.Entity, Pending: i.Pending, By: i.Watcher, Device: i.Device,
			Contact: i.Contact, Transport: i.Transport, Remote: i.Remote.String(), Connected: i.Connected, Failures: i.Failures,
			Quirks: i.Quirks, Since: i.Since, Expires: i.Expires,
		})
	})
}
