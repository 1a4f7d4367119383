package config

import (
	"fmt"
	"strings"
	"time"

	"lamplight/presence"
)

// FeatureCodes are codes by what they do; what has none cannot be dialled.
type FeatureCodes struct {
	// Answer is ok (default: a call without media that is ended at once) or refuse
	// (480 with a reason that says what was done).
	Answer       string       `yaml:"answer"`
	DNDOn        string       `yaml:"dnd_on"`
	DNDOff       string       `yaml:"dnd_off"`
	DNDToggle    string       `yaml:"dnd_toggle"`
	Available    string       `yaml:"available"`
	Statuses     []StatusCode `yaml:"statuses"` // one for each custom status
	WrapUpFinish string       `yaml:"wrap_up_finish"`
	AllOff       string       `yaml:"all_off"` // every forwarding option
	Restore      string       `yaml:"restore"` // what was on before
	Forward      string       `yaml:"forward"` // every call, to the number that follows the code
	ForwardOff   string       `yaml:"forward_off"`
	// DeskLogin is followed by the agent's number and, where a PIN is required, a
	// star and the PIN: *461001*2468.
	DeskLogin  string `yaml:"desk_login"`
	DeskLogout string `yaml:"desk_logout"`
	// Pickup takes the call that rings at the number that follows, an agent's or a
	// ring group's: **1001.
	// GroupPickup takes the one that has rung longest in the agent's teams.
	Pickup      string `yaml:"pickup"`
	GroupPickup string `yaml:"group_pickup"`
}

// StatusCode selects a custom status.
type StatusCode struct {
	Code   string `yaml:"code"`
	Status string `yaml:"status"`
}

// code is a feature code and the key it was given by.
type code struct {
	presence.FeatureCode
	key string
}

// list are the codes that were given, in the order of the keys.
func (f *FeatureCodes) list() (all []code) {
	add := func(key, text string, does presence.FeatureWord, s presence.Selectable) {
		if text != "" {
			all = append(all, code{presence.FeatureCode{Code: text, Does: does, Status: s}, key})
		}
	}
	add("dnd_on", f.DNDOn, presence.FeatureDNDOn, "")
	add("dnd_off", f.DNDOff, presence.FeatureDNDOff, "")
	add("dnd_toggle", f.DNDToggle, presence.FeatureDNDToggle, "")
	add("available", f.Available, presence.FeatureSelect, presence.SelectAvailable)
	for i, s := range f.Statuses {
		add(fmt.Sprintf("statuses[%d]", i), s.Code, presence.FeatureSelect, selectable(s.Status))
	}
	add("wrap_up_finish", f.WrapUpFinish, presence.FeatureWrapUpFinish, "")
	add("all_off", f.AllOff, presence.FeatureAllOff, "")
	add("restore", f.Restore, presence.FeatureRestore, "")
	add("forward", f.Forward, presence.FeatureForward, "")
	add("forward_off", f.ForwardOff, presence.FeatureForwardOff, "")
	add("desk_login", f.DeskLogin, presence.FeatureDeskLogin, "")
	add("desk_logout", f.DeskLogout, presence.FeatureDeskLogout, "")
	add("pickup", f.Pickup, presence.FeaturePickup, "")
	add("group_pickup", f.GroupPickup, presence.FeatureGroupPickup, "")
	return all
}

// checkCodes reports each code by its key.
func (d *Domain) checkCodes(k *check, at string) {
	k.oneOf(at+".answer", d.FeatureCodes.Answer, "ok", "refuse")
	for i, s := range d.FeatureCodes.Statuses {
		p := fmt.Sprintf("%s.statuses[%d]", at, i)
		if s.Code == "" || s.Status == "" {
			k.fail(p, "code and status are needed")
		}
		d.checkStatus(k, p+".status", s.Status)
	}
	var sound presence.FeatureCodes
	for _, c := range d.FeatureCodes.list() {
		next := presence.FeatureCodes{List: append(sound.List[:len(sound.List):len(sound.List)], c.FeatureCode)}
		if err := next.Check(); err != nil {
			k.fail(at+"."+c.key, "%s", strings.TrimPrefix(err.Error(), "feature code "))
			continue
		}
		sound = next
	}
}

func (d *Domain) checkDesks(k *check, at string, demo bool) {
	k.oneOf(at+".pin", d.Desks.PIN, "required", "none")
	k.within(at+".shift", d.Desks.Shift, time.Minute, 7*24*time.Hour)
	seen := map[string]bool{}
	for i, p := range d.Desks.Phones {
		path := fmt.Sprintf("%s.phones[%d]", at, i)
		switch {
		case p.User == "" || len(p.User) > 64 || strings.ContainsAny(p.User, "\":\\@ "):
			k.fail(path+".user", "%q is no user name", p.User)
		case seen[p.User]:
			k.fail(path+".user", "%q is used twice", p.User)
		}
		seen[p.User] = true
		switch {
		case p.Password == "":
			k.fail(path+".password", "missing")
		case strings.HasPrefix(p.Password, DemoPrefix) && !demo:
			k.fail(path+".password", "demo passwords need demo: true, which works on loopback only")
		}
	}
}
