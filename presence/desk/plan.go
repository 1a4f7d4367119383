package desk

import (
	"slices"
	"time"

	"lamplight/presence"
)

// login: an assignment with an end is one; without an end it says whose the
// phone is otherwise.
func login(a *presence.Assignment) bool { return !a.To.IsZero() }

func holds(a *presence.Assignment, at time.Time) bool {
	return !a.From.After(at) && (a.To.IsZero() || at.Before(a.To))
}

// kept is how many logins that are over a device remembers.
const kept = 8

// moved are a desk's assignments, ordered by their beginning, once the login
// there is has ended and next, if there is one, has begun. A login that is
// planned cuts next short, whose end is changed.
func moved(have []presence.Assignment, now time.Time, next *presence.Assignment) (want []presence.Assignment) {
	var home *presence.Assignment
	free := now // when the desk is what it is otherwise
	var planned []presence.Assignment
	for _, a := range have {
		switch {
		case !login(&a):
			home = &a
		case a.From.After(now):
			planned = append(planned, a)
		case a.To.After(now):
			a.To = now
			want = append(want, a)
		default:
			want = append(want, a)
		}
	}
	if home != nil && home.From.Before(now) {
		want = append(want, presence.Assignment{Device: home.Device, Agent: home.Agent, From: home.From, To: now})
	}
	want = slices.DeleteFunc(want, func(a presence.Assignment) bool { return !a.To.After(a.From) })
	slices.SortFunc(want, func(a, b presence.Assignment) int { return a.From.Compare(b.From) })
	over := len(want) - kept
	want = slices.DeleteFunc(want, func(a presence.Assignment) bool {
		over--
		return over >= 0 && !a.From.IsZero() // what has always been so cannot be taken away
	})
	if next != nil {
		if len(planned) > 0 && planned[0].From.Before(next.To) {
			next.To = planned[0].From
		}
		free = next.To
		want = append(want, *next)
	}
	want = append(want, planned...)
	if home == nil {
		return want
	}
	if n := len(planned); n > 0 {
		free = later(free, planned[n-1].To)
	}
	returns := func(a presence.Assignment) bool { return login(&a) && a.To.Equal(home.From) }
	if home.From.After(now) && !slices.ContainsFunc(have, returns) { // not back yet from anybody: it is to begin then
		free = later(free, home.From)
	}
	return append(want, presence.Assignment{Device: home.Device, Agent: home.Agent, From: free})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// differences is what makes want of have, in the terms of directory.Edit.
func differences(have, want []presence.Assignment) (put []presence.Assignment) {
	same := func(a *presence.Assignment) func(presence.Assignment) bool {
		return func(b presence.Assignment) bool { return b.Agent == a.Agent && b.From.Equal(a.From) }
	}
	for _, a := range have {
		if !slices.ContainsFunc(want, same(&a)) {
			a.To = a.From // takes it away
			put = append(put, a)
		}
	}
	for _, a := range want {
		at := slices.IndexFunc(have, same(&a))
		if at < 0 || !have[at].To.Equal(a.To) {
			put = append(put, a)
		}
	}
	return put
}
