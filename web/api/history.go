package api

import (
	"encoding/json"
	"net/http"
	"time"

	"lamplight/store"
)

type changeJSON struct {
	Seq    uint64          `json:"seq"`
	Time   time.Time       `json:"time"`
	Kind   string          `json:"kind"`
	Entity string          `json:"entity"`
	Actor  string          `json:"actor"`
	Cause  string          `json:"cause"`
	Node   string          `json:"node,omitempty"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// getHistory shows a page of the agent's change log.
func (a *API) getHistory(r *request) error {
	dom, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if !r.subject.SeesAll(agent.ID) {
		return forbidden("%s may see their own history only", r.subject.Actor())
	}
	limit := int(r.intQuery("limit", defaultPage))
	entries, err := a.o.Store.Log(r.Context(), store.LogQuery{
		Domain: dom.ID.String(), Entity: agent.ID.String(), Kind: r.URL.Query().Get("kind"),
		After: uint64(max(0, r.intQuery("after", 0))), Before: uint64(max(0, r.intQuery("before", 0))),
		Newest: r.URL.Query().Get("order") != "oldest", Limit: limit + 1,
	})
	if err != nil {
		return problem(http.StatusServiceUnavailable, "the log cannot be read: %v", err)
	}
	page := struct {
		Entries []changeJSON `json:"entries"`
		Next    uint64       `json:"next,omitempty"`
	}{Entries: []changeJSON{}}
	if len(entries) > limit {
		entries = entries[:limit]
		page.Next = entries[limit-1].Seq
	}
	for i := range entries {
		e := &entries[i]
		page.Entries = append(page.Entries, changeJSON{
			e.Seq, e.Time.UTC(), e.Kind, e.Entity, e.Actor, e.Cause, e.Node, rawJSON(e.Before), rawJSON(e.After),
		})
	}
	return r.answer(http.StatusOK, page)
}

// rawJSON passes JSON through; what is none becomes text, so that one odd
// record does not spoil the page.
func rawJSON(b []byte) json.RawMessage {
	if len(b) == 0 || json.Valid(b) {
		return b
	}
	text, _ := json.Marshal(string(b))
	return text
}
