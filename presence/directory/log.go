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

func loggable(v any) []byte {
	switch v := v.(type) {
	case *presence.Agent:
		shown := *v
		if shown.LoginHash != "" {
			shown.LoginHash = "(set)"
		}
		return encode(shown)
	case deviceRecord:
		shown := v
		shown.Credentials = make([]credentialRecord, len(v.Credentials))
		for i, c := range v.Credentials {
			has := make(map[string]string, len(c.HA1))
			for alg := range c.HA1 {
				has[alg] = "(set)"
			}
			shown.Credentials[i] = credentialRecord{c.Username, has}
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
