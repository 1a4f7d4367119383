package config

import (
	"fmt"
	"slices"
	"strings"

	"lamplight/presence"
)

// selectable reads a status as people write it: available, do_not_disturb or the
// name of a custom one; empty stays empty.
func selectable(name string) presence.Selectable {
	switch s := presence.Selectable(name); s {
	case "", presence.SelectAvailable, presence.SelectDND:
		return s
	}
	return presence.SelectCustom(name)
}

// checkStatus reports a status the domain does not have.
func (d *Domain) checkStatus(k *check, path, name string) {
	known := func(s Status) bool { return s.Name == name }
	if _, custom := selectable(name).Custom(); custom && !slices.ContainsFunc(d.Statuses, known) {
		k.fail(path, "%q is neither available, do_not_disturb nor a custom status", name)
	}
}

func (a AgentKeys) policy() presence.AgentKeys {
	p := presence.AgentKeys{Other: selectable(a.Other), AfterCall: selectable(a.AfterCall), LoggedOff: selectable(a.LoggedOff)}
	for _, n := range a.NotReady {
		p.NotReady = append(p.NotReady, presence.NotReadyReason{Code: n.Reason, Status: selectable(n.Status)})
	}
	return p
}

func (d *Domain) checkAgentKeys(k *check, at string) {
	at += ".agent_keys"
	seen := map[string]bool{}
	for i, n := range d.AgentKeys.NotReady {
		p := fmt.Sprintf("%s.not_ready[%d]", at, i)
		switch {
		case n.Reason == "" || len(n.Reason) > 32 || strings.ContainsFunc(n.Reason, func(r rune) bool { return r <= ' ' || r > '~' }):
			k.fail(p+".reason", "a code of 1 to 32 characters is needed")
		case seen[n.Reason]:
			k.fail(p+".reason", "%q is used twice", n.Reason)
		}
		seen[n.Reason] = true
		if n.Status == "" {
			k.fail(p+".status", "missing")
		}
		d.checkStatus(k, p+".status", n.Status)
	}
	d.checkStatus(k, at+".other", d.AgentKeys.Other)
	d.checkStatus(k, at+".after_call", d.AgentKeys.AfterCall)
	d.checkStatus(k, at+".logged_off", d.AgentKeys.LoggedOff)
}
