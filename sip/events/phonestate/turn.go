package phonestate

import (
	"math/rand/v2"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/store"
)

// turn does a job when the publication it names is free.
func (a *Agent) turn(j job) {
	a.mu.Lock()
	e, ok := a.takeLocked(&j)
	a.mu.Unlock()
	if ok {
		a.do(e, j)
	}
}

// takeLocked claims the publication for the job; false: the job waits, or was
// answered.
func (a *Agent) takeLocked(j *job) (*entry, bool) {
	if a.closed {
		return nil, false // the phone asks again after the start
	}
	if j.id == 0 {
		if len(a.all)+a.pending >= a.o.Total || a.count[j.agent] >= a.o.PerAgent {
			a.retryLater(j.req)
			return nil, false
		}
		a.pending++
		a.count[j.agent]++ // its place is kept while the store writes
		return &entry{busy: true, publication: publication{
			ID: max(1, rand.Uint64()), Owner: j.owner, Device: j.device, Domain: j.domain, Agent: j.agent}}, true
	}
	e := a.all[j.id]
	switch {
	case e == nil:
		if j.req != nil {
			a.refuse(j.req, 412, "") // RFC 3903 §6 step 4
		}
		return nil, false
	case e.busy && j.req != nil && len(e.waiting) >= a.o.Waiting:
		a.retryLater(j.req)
		return nil, false
	case e.busy:
		e.waiting = append(e.waiting, *j)
		return nil, false
	}
	e.busy = true
	a.pending++
	return e, true
}

// do works out what the job changes and hands it to the store, with the status
// that it selects.
func (a *Agent) do(e *entry, j job) {
	now := time.Now()
	known := j.id != 0
	if known && (e.Change != j.change || e.Owner != j.owner || j.req != nil && (e.Agent != j.agent || !e.Expires.After(now)) || j.req == nil && e.Expires.After(now)) {
		if j.req != nil {
			a.refuse(j.req, 412, "")
		} else {
			a.later(e) // it was refreshed as its time came
		}
		a.free(e)
		return
	}
	next := e.publication
	next.Change++
	over := j.seconds == 0 // asked for, or its time has come
	change := roster.Change{Cause: presence.CausePhoneSync, Actor: j.actor}
	switch {
	case over && !known:
	case over:
		change.Writes = []store.Write{store.Delete(e.key())}
	default:
		next.Expires = now.Add(time.Duration(j.seconds) * time.Second).Truncate(time.Second).UTC()
		if j.says != nil {
			if status, ok := a.selected(e, &j); known && ok {
				change.Ops = []roster.Op{roster.Select{Status: status}}
			}
			next.Says = *j.says
		}
		change.Writes = []store.Write{next.write(a.o.Node)}
	}
	done := func(err error) { a.committed(e, next, j, over, len(change.Ops) > 0, err) }
	switch {
	case len(change.Ops) > 0:
		a.o.Roster.Apply(e.Agent, change, func(_ *presence.Snapshot, err error) { done(err) })
	case len(change.Writes) > 0:
		a.o.Store.Submit(store.Batch{Writes: change.Writes}, done)
	default:
		done(nil) // told and forgotten at once
	}
}

// later has the clock look at a publication again.
func (a *Agent) later(e *entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all[e.ID] == e {
		a.clock.Set(e.ID, e.Expires.Unix())
	}
}

// selected is the status that the job's words select, if its device may.
func (a *Agent) selected(e *entry, j *job) (presence.Selectable, bool) {
	dev, ok := a.o.Directory.Device(j.device)
	if !ok || !dev.PublishSelects {
		return "", false
	}
	dom, ok := a.o.Directory.Domain(e.Domain)
	if !ok {
		return "", false
	}
	return selects(&e.Says, j.says, &dom.Policy)
}

// committed installs the outcome, answers, and gives the next job its turn. It
// does not block: it runs on the store's writer.
func (a *Agent) committed(e *entry, next publication, j job, over, selected bool, err error) {
	a.mu.Lock()
	fresh := j.id == 0
	if fresh { // the place that was kept is the publication's, or nobody's
		if a.count[e.Agent]--; a.count[e.Agent] <= 0 {
			delete(a.count, e.Agent)
		}
	}
	switch {
	case err != nil:
		if j.req == nil {
			a.clock.Set(e.ID, time.Now().Unix()+5) // the end is tried again
		}
	case over && !fresh:
		e.publication = next
		a.dropLocked(e)
	case !over:
		e.publication = next
		a.putLocked(e)
	}
	a.mu.Unlock()
	switch {
	case err != nil:
		a.o.Log.Error().Err(err).Stringer("agent", e.Agent).Str("by", j.actor).Msg("publication could not be committed")
		if j.req != nil {
			a.retryLater(j.req)
		}
	case j.req != nil:
		if selected {
			a.metrics.selections.Inc()
		}
		a.respond(j.req, message.NewResponse(j.req.Message, 200, "").Add(message.SIPETag, next.entityTag()).AddInt(message.Expires, j.seconds))
	}
	a.free(e)
}

// free lets the next job have the publication.
func (a *Agent) free(e *entry) {
	a.mu.Lock()
	a.pending--
	e.busy = false
	waiting := e.waiting
	e.waiting = nil
	a.mu.Unlock()
	for _, j := range waiting { // in their order; the second waits for the first
		a.turn(j)
	}
}
