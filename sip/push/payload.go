package push

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Message is one push.
type Message struct {
	Target
	Account string // the address of record that is called
	// Call names the call to the app, if the app cares.
	Call string
	// Refresh: there is no call; the device is to register before its registration
	// ends.
	Refresh bool
	// Until is when nobody waits any more: the service throws the push away then.
	Until time.Time
}

// The events that an app is told of. Each is its own collapse id: of several pushes
// that a device has not got yet, one is enough.
const (
	eventCall     = "call"
	eventRegister = "register"
)

func (m *Message) event() string {
	if m.Refresh {
		return eventRegister
	}
	return eventCall
}

// facts are what the app is told. Who calls it learns from the INVITE, not by way
// of a third party.
type facts struct {
	Event   string `json:"event"`
	Account string `json:"account"`
	Call    string `json:"call,omitempty"`
}

func (m *Message) facts() facts { return facts{m.event(), m.Account, m.Call} }

// write gives the body of the request in the provider's form and sets the headers
// that go with it.
func (p *Provider) write(m *Message, now time.Time, h http.Header) ([]byte, error) {
	h.Set("Content-Type", "application/json")
	switch p.Form {
	case FormAPNs:
		return writeAPNs(m, h)
	case FormFCM:
		return writeFCM(m, now)
	case FormJSON:
	}
	return writeJSON(m, now)
}

// ttl is how long the push is worth something, in whole seconds.
func (m *Message) ttl(now time.Time) int {
	return max(1, int((m.Until.Sub(now)+time.Second-1)/time.Second))
}

// address is the URL of the push.
func (m *Message) address(p *Provider) string {
	t := m.Target
	if p.Form == FormAPNs {
		t.PRID, _, _ = t.apns(m.Refresh)
	}
	return p.address(t)
}

// writeAPNs: a VoIP push starts the app by itself, an alert shows a banner that
// the user has to touch. A refresh shows nothing; it never goes as a VoIP push, for
// Apple ends apps that get one without a call.
func writeAPNs(m *Message, h http.Header) ([]byte, error) {
	_, topic, voip := m.apns(m.Refresh)
	kind, priority := "alert", "10"
	aps := map[string]any{"alert": map[string]string{"title": "Incoming call"}, "sound": "default", "content-available": 1}
	switch {
	case m.Refresh && voip:
		return nil, fmt.Errorf("%w: a VoIP push without a call", ErrRefused)
	case m.Refresh:
		kind, priority, aps = "background", "5", map[string]any{"content-available": 1}
	case voip:
		kind, aps = "voip", map[string]any{}
	}
	if topic != "" {
		h.Set("apns-topic", topic)
	}
	h.Set("apns-push-type", kind)
	h.Set("apns-priority", priority)
	h.Set("apns-expiration", strconv.FormatInt(m.Until.Unix(), 10))
	h.Set("apns-collapse-id", m.event())
	return json.Marshal(struct {
		APS map[string]any `json:"aps"`
		facts
	}{aps, m.facts()})
}

// apns takes a target of Apple's apart. RFC 8599 §8.2: pn-param is the team's id
// and the topic, "DEF123GHIJ.com.example.app.voip". Linphone names several
// services at once, "….app.voip&remote", with a token for each,
// "token:voip&token:remote": quiet chooses the one that is not VoIP.
func (t Target) apns(quiet bool) (token, topic string, voip bool) {
	topic = t.Param
	if team, rest, ok := strings.Cut(topic, "."); ok && isTeam(team) {
		topic = rest
	}
	if dot := strings.LastIndexByte(topic, '.'); dot >= 0 {
		switch services := strings.Split(topic[dot+1:], "&"); {
		case contains(services, "remote") && (quiet || !contains(services, "voip")):
			topic = topic[:dot]
		case contains(services, "voip"):
			topic, voip = topic[:dot]+".voip", true
		}
	}
	token = t.PRID
	want := ":remote"
	if voip {
		want = ":voip"
	}
	for one := range strings.SplitSeq(t.PRID, "&") {
		if plain, ok := strings.CutSuffix(one, want); ok {
			return plain, topic, voip
		}
	}
	return token, topic, voip
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// isTeam: the ids of Apple's developers are ten capitals and digits.
func isTeam(s string) bool {
	return len(s) == 10 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

func writeFCM(m *Message, now time.Time) ([]byte, error) {
	type android struct {
		Priority string `json:"priority"`
		TTL      string `json:"ttl"`
		Collapse string `json:"collapse_key"`
	}
	type message struct {
		Token   string  `json:"token"`
		Data    facts   `json:"data"`
		Android android `json:"android"`
	}
	return json.Marshal(struct {
		Message message `json:"message"`
	}{message{m.PRID, m.facts(), android{"HIGH", strconv.Itoa(m.ttl(now)) + "s", m.event()}}})
}

func writeJSON(m *Message, now time.Time) ([]byte, error) {
	return json.Marshal(struct {
		Provider string `json:"provider"`
		PRID     string `json:"prid"`
		Param    string `json:"param,omitempty"`
		facts
		Priority string    `json:"priority"`
		Collapse string    `json:"collapse_id"`
		Until    time.Time `json:"expires"`
		TTL      int       `json:"ttl"`
	}{m.Provider, m.PRID, m.Param, m.facts(), "high", m.event(), m.Until.UTC().Truncate(time.Second), m.ttl(now)})
}
