package presence

import (
	"time"

	"lamplight/presence/schedule"
)

// Settings are an agent's forwarding options (presence/RULES.md, "Facts").
type Settings struct {
	Options Options `json:"options"`
	// Saved is the set that "restore" brings back after "all off" (rule 1).
	Saved *Options `json:"saved,omitempty"`
	// Before is the set from before a phone forwarded every call (ForwardAlways),
	// which comes back when it no longer does.
	Before *Options `json:"before,omitempty"`
	// Fallback is the URI or number that calls go to instead of being refused;
	// empty: the domain's.
	Fallback string `json:"fallback,omitempty"`
	// Hours are the agent's own working hours, see Policy.Hours, and AfterHours where
	// calls go outside of them.
	Hours      *schedule.Schedule `json:"hours,omitempty"`
	AfterHours string             `json:"after_hours,omitempty"`
	// Ringing is in which order the devices ring, and for how long.
	Ringing Ringing `json:"ringing,omitzero"`
}

// Options are the forwarding options.
type Options struct {
	Webphone bool     `json:"webphone"`
	SIPPhone bool     `json:"sip_phone"` // desk and soft
	Mobile   bool     `json:"mobile"`
	Numbers  []Number `json:"numbers,omitempty"`
}

// Any reports whether at least one option is on. A number outside its hours is
// still on.
func (o Options) Any() bool {
	if o.Webphone || o.SIPPhone || o.Mobile {
		return true
	}
	for i := range o.Numbers {
		if o.Numbers[i].Enabled {
			return true
		}
	}
	return false
}

// DefaultSettings are a new agent's: every device may ring.
func DefaultSettings() Settings {
	return Settings{Options: Options{Webphone: true, SIPPhone: true, Mobile: true}}
}

// Number is a forwarding number.
type Number struct {
	ID      DeviceID `json:"id"`
	Number  string   `json:"number"`
	Enabled bool     `json:"enabled"`
	// Group lets group calls ring it; off by default.
	Group bool          `json:"group,omitempty"`
	Delay time.Duration `json:"delay,omitempty"`
	// Confirm asks for a key press before it counts as answered (rule 18).
	Confirm bool `json:"confirm,omitempty"`
	// Hours are when it may ring; nil: always. Closed: not at all for now.
	Hours  *schedule.Schedule `json:"hours,omitempty"`
	Closed bool               `json:"closed,omitempty"`
	// Phone: a phone's forwarding key entered it, so it goes when that is off.
	Phone bool `json:"phone,omitempty"`
}
