package presence

// AgentKeys says what the keys of a call centre's phones (log off, ready, not
// ready with a reason, working after a call) mean in a domain. The zero value is
// useful.
type AgentKeys struct {
	// NotReady are the statuses that stand for reasons. The reasons' codes are
	// set in the phones, too.
	NotReady []NotReadyReason `json:"not_ready,omitempty"`
	// Other is selected for a reason that is not among them; empty: Do Not
	// Disturb.
	Other Selectable `json:"other,omitempty"`
	// AfterCall is selected by "working after call" where no wrap-up is running;
	// empty: that is refused, because a wrap-up begins with a call's end.
	AfterCall Selectable `json:"after_call,omitempty"`
	// LoggedOff is selected by "log off"; empty: the webphones are logged out.
	LoggedOff Selectable `json:"logged_off,omitempty"`
}

// NotReadyReason is a reason's code and the status that it means.
type NotReadyReason struct {
	Code   string     `json:"code"`
	Status Selectable `json:"status"`
}

// Status is what "not ready" for this reason selects.
func (k *AgentKeys) Status(code string) Selectable {
	for i := range k.NotReady {
		if k.NotReady[i].Code == code {
			return k.NotReady[i].Status
		}
	}
	if k.Other != "" {
		return k.Other
	}
	return SelectDND
}

// Code is the reason that a status stands for.
func (k *AgentKeys) Code(s Selectable) (code string, ok bool) {
	for i := range k.NotReady {
		if k.NotReady[i].Status == s {
			return k.NotReady[i].Code, true
		}
	}
	return "", false
}
