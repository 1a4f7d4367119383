package server

import (
	"strconv"
	"strings"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events"
	"lamplight/sip/events/notifier"
	"lamplight/web/api"
)

// watchers shows subscriptions in the API's words.
type watchers struct {
	directory *directory.Directory
	events    *events.Events
}

// Watchers are in the order of what is watched, by its id, and there in the order
// of the list of its watchers; who waits to watch somebody by a list comes after
// them. A cursor is the last id, and the place in its list
// where the part ended within it.
func (w watchers) Watchers(p api.Part, admits func(*api.Watcher) bool) ([]api.Watcher, string) {
	out := watched{events: w.events, most: p.Limit, admits: admits}
	id, place, within := watchedAfter(p.After)
	if !p.Agent.IsZero() {
		next := out.read(p.Agent, place)
		if !strings.Contains(next, "/") {
			next = "" // that was all of this one, but for those who watch lists
			for _, i := range w.events.ListWatchers(p.Agent) {
				if v := shown(&i); admits(&v) {
					out.list = append(out.list, v)
				}
			}
		}
		return out.list, next
	}
	out.waiting = true
	if within {
		if next := out.read(id, place); next != "" {
			return out.list, next
		}
	}
	for {
		ids := part[presence.AgentID]{after: id.String(), most: p.Limit}
		w.events.Watched(func(of presence.AgentID) bool {
			if a, ok := w.directory.Agent(of); !ok || p.Domain.IsZero() || a.Domain == p.Domain {
				ids.offer(of.String(), func() presence.AgentID { return of })
			}
			return true
		})
		them, more := ids.done()
		for _, of := range them {
			if next := out.read(of, 0); next != "" {
				return out.list, next
			}
			id = of
		}
		if more == "" {
			return out.list, ""
		}
	}
}

// watchedAfter reads a cursor.
func watchedAfter(cursor string) (id presence.AgentID, place int, within bool) {
	text, rest, within := strings.Cut(cursor, "/")
	parsed, err := presence.ParseID(text)
	if err != nil {
		return id, 0, false
	}
	place, _ = strconv.Atoi(rest)
	return presence.AgentID{ID: parsed}, max(0, place), within
}

// watched is a part of the subscriptions in the making.
type watched struct {
	events *events.Events
	most   int
	// waiting: who waits to watch by a list is told too.
	waiting bool
	admits  func(*api.Watcher) bool
	list    []api.Watcher
}

// read adds the watchers of one, from a place in their list on. next is where to
// go on, once the part is full.
func (w *watched) read(of presence.AgentID, place int) (next string) {
	for {
		room := w.most - len(w.list)
		infos, more := w.events.Watchers(of, place, room)
		place += room
		for i := range infos {
			if v := shown(&infos[i]); w.admits(&v) {
				w.list = append(w.list, v)
			}
		}
		full := len(w.list) >= w.most
		switch {
		case full && (more || w.waiting):
			return of.String() + "/" + strconv.Itoa(place)
		case full:
			return of.String()
		case !more:
			return w.await(of, place)
		}
	}
}

// await adds those who wait to watch one by a list: all of them, or on the next
// page; of more than a page has, those that fit.
func (w *watched) await(of presence.AgentID, place int) (next string) {
	if !w.waiting {
		return ""
	}
	var list []api.Watcher
	for _, i := range w.events.ListWatchers(of) {
		if v := shown(&i); i.Pending && w.admits(&v) {
			list = append(list, v)
		}
	}
	room := w.most - len(w.list)
	if len(list) > room && len(w.list) > 0 {
		return of.String() + "/" + strconv.Itoa(place)
	}
	w.list = append(w.list, list[:min(len(list), room)]...)
	if len(w.list) >= w.most {
		return of.String()
	}
	return ""
}

func shown(i *notifier.Info) api.Watcher {
	return api.Watcher{
		ID: i.ID, Of: i.Presentity, Event: i.Event, Entity: i.Entity, Pending: i.Pending, By: i.Watcher, Device: i.Device,
		Contact: i.Contact, CallID: i.CallID, Transport: i.Transport, Remote: i.Remote.String(), Connected: i.Connected, Failures: i.Failures,
		NextCSeq: i.NextCSeq, InFlight: i.InFlight, Quirks: i.Quirks, Since: i.Since, Expires: i.Expires,
	}
}
