package directory

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/schedule"
)

func codecAgents() map[string]presence.Agent {
	id, dom := presence.AgentID{ID: presence.NewID()}, presence.DomainID{ID: presence.NewID()}
	full := presence.Settings{
		Options:  presence.Options{Mobile: true, Numbers: []presence.Number{{ID: presence.DeviceID{ID: presence.NewID()}, Number: "0301", Delay: time.Second}}},
		Saved:    &presence.Options{Webphone: true},
		Fallback: "sip:voicemail@one.test",
	}
	return map[string]presence.Agent{
		"bare": {ID: id, Domain: dom, Number: "1001"},
		"usual": {ID: id, Domain: dom, Number: "1001", Name: "Åda", Teams: []string{"sales", ""}, AORs: []string{"1001@one.test"},
			Role: presence.RoleAgent, Settings: presence.DefaultSettings()},
		"hours": {ID: id, Domain: dom, Number: "1001", Settings: presence.Settings{Hours: &schedule.Schedule{
			Week: []schedule.Weekly{{On: 2, Hours: []schedule.Interval{{From: 540, To: 1020}}}},
			Days: []schedule.Day{{From: schedule.Date{Month: 12, Day: 25}, To: schedule.Date{Month: 12, Day: 25}, Name: "Christmas Day"}},
		}}},
		"ringing":       {ID: id, Domain: dom, Number: "1001", Settings: presence.Settings{Ringing: presence.Ringing{InOrder: true}}},
		"caller":        {ID: id, Domain: dom, Number: "1001", PINHash: "x", Caller: presence.CallerID{Number: "+4930123", Name: "Ada"}},
		"hidden caller": {ID: id, Domain: dom, Number: "1001", Caller: presence.CallerID{Hide: true}, Settings: presence.Settings{AfterHours: "1"}},
		"after hours":   {ID: id, Domain: dom, Number: "1001", Settings: presence.Settings{AfterHours: "sip:night@one.test"}},
		"full":          {ID: id, Domain: dom, Number: "1001", Role: presence.RoleAdmin, LoginHash: "$argon2id$", Settings: full},
		"only sip phone": {ID: id, Domain: dom, Number: "1",
			Settings: presence.Settings{Options: presence.Options{SIPPhone: true}}},
	}
}

func codecDevices() map[string]device {
	id, dom := presence.DeviceID{ID: presence.NewID()}, presence.DomainID{ID: presence.NewID()}
	agent, now := presence.AgentID{ID: presence.NewID()}, time.Now().Round(0).UTC()
	return map[string]device{
		"bare": {Device: presence.Device{ID: id, Domain: dom, Kind: presence.KindWebphone}},
		"full": {
			Device: presence.Device{ID: id, Domain: dom, Kind: presence.KindDesk, Name: "Desk\nphone", Digest: []string{"MD5", "SHA-256"}, PublishSelects: true},
			credentials: []*presence.Credential{
				{Domain: dom, Device: id, Username: "1001", HA1: presence.HA1{MD5: "aa", SHA256: "bb", SHA512256: "cc"}},
				{Domain: dom, Device: id, Username: "1001-b"},
			},
			assignments: []presence.Assignment{
				{Device: id, Agent: agent, To: time.Date(1969, 12, 31, 0, 0, 0, 1, time.UTC)},
				{Device: id, Agent: agent, From: now, To: now.Add(time.Hour)},
			},
		},
	}
}

func TestCompactEncodingIsReadBack(t *testing.T) {
	r := &scanner{names: map[string]string{}}
	for name, v := range codecAgents() {
		data, err := appendAgent(nil, &v)
		must(t, err)
		if got, err := r.reset(data).agent(); err != nil || !reflect.DeepEqual(*got, v) {
			t.Errorf("agent, %s: %+v, %v; want %+v", name, got, err, v)
		}
	}
	for name, v := range codecDevices() {
		if got, err := r.reset(appendDevice(nil, &v)).device(); err != nil || !reflect.DeepEqual(*got, v) {
			t.Errorf("device, %s: %+v, %v; want %+v", name, got, err, v)
		}
	}
}

// A record cut short, or with something behind it, must be an error and no agent
// or device that looks right.
func TestTornCompactRecordIsRefused(t *testing.T) {
	r := &scanner{names: map[string]string{}}
	for name, v := range codecDevices() {
		data := appendDevice(nil, &v)
		for n := range data {
			if _, err := r.reset(data[:n]).device(); !errors.Is(err, errTorn) {
				t.Errorf("device %s cut after %d bytes: %v", name, n, err)
			}
		}
		if _, err := r.reset(append(data, 0)).device(); !errors.Is(err, errTorn) {
			t.Errorf("device %s with a byte more: %v", name, err)
		}
	}
	for name, v := range codecAgents() {
		data, err := appendAgent(nil, &v)
		must(t, err)
		for n := range data {
			if _, err := r.reset(data[:n]).agent(); err == nil {
				t.Errorf("agent %s cut after %d bytes is read", name, n)
			}
		}
	}
}

func FuzzCompactEncoding(f *testing.F) {
	for _, v := range codecAgents() {
		data, _ := appendAgent(nil, &v)
		f.Add(data)
	}
	for _, v := range codecDevices() {
		f.Add(appendDevice(nil, &v))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &scanner{names: map[string]string{}}
		if v, err := r.reset(data).agent(); err == nil {
			again, err := appendAgent(nil, v)
			must(t, err)
			w, err := r.reset(again).agent()
			must(t, err)
			if third, err := appendAgent(nil, w); err != nil || !bytes.Equal(again, third) {
				t.Errorf("%+v is read back as %+v, %v", v, w, err)
			}
		}
		if v, err := r.reset(data).device(); err == nil {
			if w, err := r.reset(appendDevice(nil, v)).device(); err != nil || !reflect.DeepEqual(v, w) {
				t.Errorf("%+v is read back as %+v, %v", v, w, err)
			}
		}
	})
}
