package api

import (
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
)

type choiceJSON struct {
	presence.Label
	Text       string               `json:"text"`
	Selectable bool                 `json:"selectable"`
	Colour     string               `json:"colour,omitempty"`
	Icon       string               `json:"icon,omitempty"`
	Class      presence.CustomClass `json:"class,omitempty"`
	Routes     routesJSON           `json:"routes"`
	Activity   string               `json:"activity,omitempty"`
	Max        int64                `json:"max_seconds,omitempty"`
	Returns    string               `json:"returns_to,omitempty"`
}

// listStatuses shows what may be selected in the domain, then what follows by
// itself.
func (a *API) listStatuses(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	var list []choiceJSON
	for _, c := range status.Selectables(dom.Policy) {
		list = append(list, choiceOf(&dom.Policy, &c))
	}
	for _, s := range [...]presence.Status{
		presence.StatusOutboundOnly, presence.StatusOnACall, presence.StatusWrapUp, presence.StatusOffline,
	} {
		l := presence.Label{Status: s}
		list = append(list, choiceJSON{Label: l, Text: l.Text(), Routes: routesJSON{Outbound: s == presence.StatusOutboundOnly}})
	}
	return r.answer(http.StatusOK, struct {
		Statuses []choiceJSON `json:"statuses"`
	}{list})
}

func choiceOf(p *presence.Policy, c *status.Selection) choiceJSON {
	j := choiceJSON{
		Label: labelOf(c.Value), Text: c.Text, Selectable: true, Colour: c.Colour, Icon: c.Icon,
		Class: c.Class, Max: int64(c.Max / time.Second), Returns: string(c.Return),
	}
	switch cu := p.Custom(j.Custom); {
	case j.Status == presence.StatusCustom && cu != nil:
		j.Routes = routesJSON{cu.Regular, cu.Campaign, cu.Outbound}
		j.Activity = cu.Activity
	case j.Status == presence.StatusAvailable:
		j.Routes = routesJSON{true, true, true}
	default:
		j.Routes = routesJSON{Outbound: true}
	}
	return j
}
