package api

import (
	"net/http"
	"slices"
	"strings"

	"lamplight/presence"
)

type domainJSON struct {
	ID           string                `json:"id"`
	Name         string                `json:"name"`
	Names        []string              `json:"names"`
	Realm        string                `json:"realm"`
	Agents       int                   `json:"agents"`
	Teams        []string              `json:"teams"`
	OnlineBy     presence.OnlineBy     `json:"online_by"`
	KeepSelected presence.KeepSelected `json:"keep_selected"`
	Grace        float64               `json:"grace_seconds"`
	WrapUp       float64               `json:"wrap_up_seconds"`
	Consult      presence.Consult      `json:"consult"`
	Pickup       presence.Pickup       `json:"pickup"`
	Digest       []string              `json:"digest"`
	Country      string                `json:"country,omitempty"`
	TimeZone     string                `json:"time_zone"`
	Hours        *hoursJSON            `json:"hours,omitempty"`
	AfterHours   string                `json:"after_hours,omitempty"`
}

// listDomains shows the domains the subject belongs to.
func (a *API) listDomains(r *request) error {
	list := []domainJSON{}
	for _, dom := range a.o.Directory.Domains() {
		if r.subject.Domain.IsZero() || r.subject.Domain == dom.ID {
			list = append(list, a.domainView(dom))
		}
	}
	return r.answer(http.StatusOK, struct {
		Domains []domainJSON `json:"domains"`
	}{list})
}

func (a *API) domainView(dom *presence.Domain) domainJSON {
	p := dom.Policy.WithDefaults()
	agents := a.o.Directory.Agents(dom.ID)
	return domainJSON{
		ID: dom.ID.String(), Name: dom.Name(), Names: noNil(dom.Names), Realm: dom.Realm,
		Agents: len(agents), Teams: teams(agents),
		OnlineBy: p.OnlineBy, KeepSelected: p.KeepSelected, Grace: p.LabelGrace().Seconds(),
		WrapUp: wrapUpSeconds(&p), Consult: p.Consult, Pickup: p.Pickup, Digest: p.Digest,
		Country: p.Country, TimeZone: p.Zone.String(), Hours: hoursOf(p.Hours), AfterHours: p.AfterHours,
	}
}

func wrapUpSeconds(p *presence.Policy) float64 {
	switch p.WrapUp {
	case presence.WrapUpNone:
		return -1
	case presence.WrapUpUnlimited:
		return -2
	}
	return p.WrapUp.Seconds()
}

func teams(agents []*presence.Agent) []string {
	seen := make(map[string]bool)
	list := []string{}
	for _, agent := range agents {
		for _, t := range agent.Teams {
			if !seen[t] {
				seen[t] = true
				list = append(list, t)
			}
		}
	}
	slices.SortFunc(list, strings.Compare)
	return list
}
