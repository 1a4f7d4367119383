package directory

import (
	"encoding/json"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// logEntry is the change log's line about one record. Password hashes stay out
// of the log: it says which there are.
func logEntry(e *Edit, c change) store.Entry {
	return store.Entry{
		Domain: c.key.Domain, Time: time.Now().UTC(), Actor: e.Actor, Cause: e.Cause,
		Kind: "config", Entity: c.key.Key, Before: loggable(c.before), After: loggable(c.after),
	}
}

// loggedDevice is a device with what hangs on it.
type (
	loggedDevice struct {
		presence.Device
		Credentials []loggedCredential `json:"credentials,omitempty"`
		Assignments []loggedAssignment `json:"assignments,omitempty"`
	}
	loggedCredential struct {
		Username string       `json:"username"`
		HA1      presence.HA1 `json:"ha1"`
	}
	loggedAssignment struct {
		Agent presence.AgentID `json:"agent"`
		From  time.Time        `json:"from"`
		To    time.Time        `json:"to,omitzero"`
	}
)

func loggable(v any) []byte {
	switch v := v.(type) {
	case *presence.Agent:
		shown := *v
		if shown.LoginHash != "" {
			shown.LoginHash = "(set)"
		}
		if shown.PINHash != "" {
			shown.PINHash = "(set)"
		}
		return encode(shown)
	case *device:
		shown := loggedDevice{Device: v.Device}
		for _, c := range v.credentials {
			var has presence.HA1
			for _, alg := range c.HA1.Algorithms() {
				has.Set(alg, "(set)")
			}
			shown.Credentials = append(shown.Credentials, loggedCredential{c.Username, has})
		}
		for _, a := range v.assignments {
			shown.Assignments = append(shown.Assignments, loggedAssignment{a.Agent, a.From, a.To})
		}
		return encode(shown)
	case nil:
		return nil
	}
	return encode(v)
}

// encode cannot fail for the plain values it is given; a log line without its
// values would still be worth having.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
