package status

import (
	"strings"

	"lamplight/presence"
)

// watch says what watchers are told of the team view; the dialogs are already
// there.
func watch(ev *presence.Evaluation, activity string, showReach bool) {
	w := &ev.Watch
	w.Note = ev.Team.Text()
	switch ev.Team.Status {
	case presence.StatusAvailable:
		w.Open = true
	case presence.StatusOnACall:
		w.Open, w.Activity = true, "on-the-phone"
	case presence.StatusDND, presence.StatusWrapUp, presence.StatusOutboundOnly:
		w.Busy, w.Activity = true, "busy"
	case presence.StatusCustom:
		w.Open, w.Busy = ev.RoutesRegular, !ev.RoutesRegular
		w.Activity = activity
	case presence.StatusOffline:
		if showReach && ev.Regular {
			w.Note = offlineNote(ev.Devices)
		}
	}
}

// offlineNote names the kinds of device that would ring, each once.
func offlineNote(devices []presence.DeviceState) string {
	var b strings.Builder
	b.WriteString("Offline, reachable: ")
	var last presence.DeviceKind
	for i := range devices {
		d := &devices[i]
		if !d.Enabled || !d.Reachable || d.Kind == last {
			continue
		}
		if last != "" {
			b.WriteString(", ")
		}
		last = d.Kind
		b.WriteString(d.Kind.Text())
	}
	return b.String()
}
