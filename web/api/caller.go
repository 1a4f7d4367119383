package api

import "lamplight/presence"

// callerJSON is what calls to the outside show.
type callerJSON struct {
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
	Hide   bool   `json:"hide,omitempty"`
}

func callerOf(a *presence.Agent) *callerJSON {
	if a.Caller == (presence.CallerID{}) {
		return nil
	}
	j := callerJSON(a.Caller)
	return &j
}
