package events

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/presence/status"
	"lamplight/sip/digest"
	"lamplight/sip/events/feature"
	"lamplight/sip/message"
)

// device gives an agent one more device, whose user name is given.
func (r *rig) device(number, user string, tweak func(*presence.Device)) presence.DeviceID {
	r.t.Helper()
	a, ok := r.dir.Agent(r.ids[number])
	if !ok {
		r.t.Fatalf("no agent %s", number)
	}
	ha1, err := digest.HA1("MD5", user, "ex.test", "secret")
	if err != nil {
		r.t.Fatal(err)
	}
	dev := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: a.Domain, Kind: presence.KindDesk, Name: user}
	if tweak != nil {
		tweak(&dev)
	}
	synctest.Wait() // nobody must wait for the directory while the clock stands
	err = r.dir.Apply(context.Background(), directory.Edit{Actor: "test", Devices: []presence.Device{dev},
		Credentials: []presence.Credential{{Domain: a.Domain, Device: dev.ID, Username: user, HA1: presence.HA1{MD5: ha1}}},
		Assignments: []presence.Assignment{{Device: dev.ID, Agent: a.ID}}})
	if err != nil {
		r.t.Fatal(err)
	}
	return dev.ID
}

// policy changes the domain's.
func (r *rig) policy(tweak func(*presence.Policy)) {
	r.t.Helper()
	dom, ok := r.dir.DomainByName("ex.test")
	if !ok {
		r.t.Fatal("no domain")
	}
	next := *dom
	tweak(&next.Policy)
	synctest.Wait()
	if err := r.dir.Apply(context.Background(), directory.Edit{Actor: "test", Domains: []presence.Domain{next}}); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) do(number string, c presence.Cause, ops ...roster.Op) {
	r.t.Helper()
	if _, err := r.roster.Do(context.Background(), r.ids[number], roster.Change{Cause: c, Actor: "test", Ops: ops}); err != nil {
		r.t.Fatal(err)
	}
}

// keys is a desk phone whose keys are synchronised.
type keys struct{ *lamp }

// keys subscribes; the phone's user and what it asks for are the same.
func (r *rig) keys(addr, user string) keys {
	r.t.Helper()
	l := r.lamp(addr, user, "sip:"+user+"@ex.test")
	l.event = "as-feature-event"
	k := keys{l}
	if m := l.subscribe(3600); m.Status != 200 {
		r.t.Fatalf("SUBSCRIBE answered %d:\n%s", m.Status, m.Raw)
	}
	k.told()
	return k
}

// press sends a key and returns the answer; the NOTIFY waits.
func (k keys) press(body string) *message.Message {
	k.t.Helper()
	return k.DoAuth(k.user, "secret", func() *message.Builder {
		k.seq++
		return message.NewRequest("SUBSCRIBE", k.target).Add(message.MaxForwards, "70").Add(message.From, k.from).Add(message.To, k.to).
			Add(message.CallID, k.callID).Add(message.CSeq, fmt.Sprint(k.seq, " SUBSCRIBE")).Add(message.Contact, "<"+k.Contact(k.user)+">").
			Add(message.Event, k.event).Add(message.Expires, "3600").Body(feature.ContentType, []byte(body))
	})
}

// told waits for a NOTIFY with each text in its body.
func (k keys) told(texts ...string) string {
	k.t.Helper()
	m := k.shows(texts...)
	if got := m.Get(message.ContentType); got != feature.ContentTypeAll {
		k.t.Errorf("type %q", got)
	}
	return string(m.Body)
}

func setDND(on bool) string {
	return fmt.Sprintf("<SetDoNotDisturb><device/><doNotDisturbOn>%t</doNotDisturbOn></SetDoNotDisturb>", on)
}

func setForwarding(kind string, on bool, to string, rings int) string {
	return fmt.Sprintf("<SetForwarding><device/><forwardingType>%s</forwardingType><activateForward>%t</activateForward><forwardDN>%s</forwardDN><ringCount>%d</ringCount></SetForwarding>", kind, on, to, rings)
}

func setAgent(state, reason string) string {
	return "<SetAgentState><device/><requestedAgentState>" + state + "</requestedAgentState><extensions><privateData><private xmlns:pri=\"http://schema.broadsoft.com/CSTAPrivateData\"><pri:AgentNotReadyReasonValue>" + reason + "</pri:AgentNotReadyReasonValue></private></privateData></extensions></SetAgentState>"
}

const (
	dndOn  = "<doNotDisturbOn>true</doNotDisturbOn>"
	dndOff = "<doNotDisturbOn>false</doNotDisturbOn>"
)

func TestDoNotDisturbKeyIsToldToEveryPhoneOfTheAgent(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.device("101", "101-soft", nil)
		desk, soft := r.keys("192.0.2.10:5060", "101"), r.keys("192.0.2.11:5060", "101-soft")
		if m := desk.press(setDND(true)); m.Status != 200 {
			t.Fatalf("answered %d", m.Status)
		}
		desk.told(dndOn, "<device>101</device>")
		soft.told(dndOn, "<device>101-soft</device>")
		s := r.snapshot("101")
		if s.Selected.Status != presence.SelectDND || s.Selected.Cause != presence.CausePhoneSync || s.Selected.Actor != "device:101" {
			t.Errorf("selected %+v", s.Selected)
		}
		time.Sleep(time.Second)
		soft.press(setDND(false))
		desk.told(dndOff)
		soft.told(dndOff)
		desk.dark(time.Minute)
		soft.dark(time.Minute)
	})
}

func TestKeyForWhatIsSoAlreadyIsAnsweredByOneNotify(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.device("101", "101-soft", nil)
		desk, soft := r.keys("192.0.2.10:5060", "101"), r.keys("192.0.2.11:5060", "101-soft")
		r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectDND})
		desk.told(dndOn)
		soft.told(dndOn)
		before := r.snapshot("101").Version
		desk.press(setDND(true))
		desk.told(dndOn)
		desk.dark(time.Minute)
		soft.dark(time.Minute)
		if r.snapshot("101").Version != before {
			t.Error("a new snapshot though nothing changed")
		}
	})
}

// TestNotifyNeverOvertakesTheAnswerToAKey: the change is seen at once, its commit
// takes 2 ms, and the phone with the key is told once, after its 200.
func TestNotifyNeverOvertakesTheAnswerToAKey(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		desk := r.keys("192.0.2.10:5060", "101")
		type notice struct {
			at   time.Time
			body string
		}
		told := make(chan notice, 100)
		desk.Handle(func(m *message.Message) *message.Builder {
			told <- notice{time.Now(), string(m.Body)}
			return message.NewResponse(m, 200, "")
		})
		for i := range 4 {
			if m := desk.press(setDND(i%2 == 0)); m.Status != 200 {
				t.Fatalf("answered %d", m.Status)
			}
			answered := time.Now()
			time.Sleep(5 * time.Second)
			if len(told) != 1 {
				t.Fatalf("key %d: %d NOTIFYs", i, len(told))
			}
			n := <-told
			if want := fmt.Sprintf("<doNotDisturbOn>%t<", i%2 == 0); n.at.Before(answered) || !strings.Contains(n.body, want) {
				t.Errorf("key %d: a NOTIFY %s before the answer says\n%s", i, answered.Sub(n.at), n.body)
			}
		}
	})
}

// TestWishThatCrossesWithANewerChangeIsNoKey: a phone that sends what it is told
// back as its own wish undoes nothing.
func TestWishThatCrossesWithANewerChangeIsNoKey(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		desk := r.keys("192.0.2.10:5060", "101")
		r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectDND})
		desk.told(dndOn)
		r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectAvailable})
		if m := desk.press(setDND(true)); m.Status != 200 { // of what it was told before
			t.Fatalf("answered %d", m.Status)
		}
		desk.told(dndOff) // of the change, and then of the key
		desk.told(dndOff)
		r.wantSelected("101", presence.SelectAvailable)
		time.Sleep(reaction)
		desk.press(setDND(true)) // by a finger
		desk.told(dndOn)
		r.wantSelected("101", presence.SelectDND)
		desk.press(setDND(false)) // its own change it may take back at once
		desk.told(dndOff)
		r.wantSelected("101", presence.SelectAvailable)
	})
}

func TestForwardingKeys(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		desk := r.keys("192.0.2.10:5060", "101")
		desk.press(setForwarding("forwardNoAns", true, "tel:+1-555-0100", 4))
		desk.told("<forwardingType>forwardNoAns</forwardingType><forwardStatus>true</forwardStatus><forwardTo>+15550100</forwardTo><ringCount>4</ringCount>",
			"<forwardingType>forwardImmediate</forwardingType><forwardStatus>false</forwardStatus>")
		desk.press(setForwarding("forwardImmediate", true, "&lt;sip:200@ex.test;user=phone&gt;", 0))
		desk.told("<forwardingType>forwardImmediate</forwardingType><forwardStatus>true</forwardStatus><forwardTo>200</forwardTo>")
		s := r.snapshot("101")
		if o := s.Settings.Options; o.Webphone || o.SIPPhone || o.Mobile || len(o.Numbers) != 2 {
			t.Errorf("options %+v", o)
		}
		desk.press(setForwarding("forwardImmediate", false, "", 0))
		desk.told("<forwardingType>forwardImmediate</forwardingType><forwardStatus>false</forwardStatus>", "<forwardTo>+15550100</forwardTo>")
		s = r.snapshot("101")
		if o := s.Settings.Options; !o.Webphone || !o.SIPPhone || !o.Mobile || len(o.Numbers) != 1 || o.Numbers[0].Delay != 20*time.Second {
			t.Errorf("options %+v", o)
		}
		// What the page does is told to the phone alike.
		r.do("101", presence.CauseAgent, roster.SetOptions{Options: presence.Options{Numbers: []presence.Number{{Number: "300", Enabled: true}}}})
		desk.told("<forwardTo>300</forwardTo>")
		r.do("101", presence.CauseAgent, roster.AllOptionsOff{})
		desk.told("!<forwardTo>")
	})
}

func TestKeyThatCannotBeObeyedIsRefusedAndThePhoneToldWhatIsSo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		desk := r.keys("192.0.2.10:5060", "101")
		for name, c := range map[string]struct {
			body   string
			status int
			phrase string
		}{
			"forwarding when busy":     {setForwarding("forwardBusy", true, "200", 0), 403, "administrator"},
			"to the agent itself":      {setForwarding("forwardImmediate", true, "101", 0), 403, "Own Number"},
			"to another domain":        {setForwarding("forwardImmediate", true, "sip:200@elsewhere.test", 0), 403, "Numbers Only"},
			"to what is no number":     {setForwarding("forwardImmediate", true, "two hundred", 0), 403, "no number to forward to"},
			"nowhere":                  {setForwarding("forwardImmediate", true, "", 0), 403, "Numbers Only"},
			"after too many rings":     {setForwarding("forwardNoAns", true, "200", 40), 403, "a phone may ring for 5s to 1m0s"},
			"wrap-up without a call":   {setAgent("workingAfterCall", ""), 403, "Wrap-Up"},
			"what cannot be read":      {"<SetDoNotDisturb>", 400, "as-feature-event"},
			"what is much too long":    {"<a>" + strings.Repeat("<b/>", 5000) + "</a>", 413, ""},
			"neither of two, at fault": {setDND(true) + setDND(false), 400, ""},
		} {
			m := desk.press(c.body)
			if m.Status != c.status || !strings.Contains(m.Phrase, c.phrase) {
				t.Errorf("%s: answered %d %s, want %d %s", name, m.Status, m.Phrase, c.status, c.phrase)
			}
			desk.told(dndOff, "!<forwardTo>")
		}
		desk.dark(time.Minute)
	})
}

func TestKeysNotKnownAreAcceptedAndChangeNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		desk := r.keys("192.0.2.10:5060", "101")
		before := r.snapshot("101").Version
		if m := desk.press("<SetHoteling xmlns='http://schema.broadsoft.com/hoteling'><guestAddress>x</guestAddress></SetHoteling>"); m.Status != 200 {
			t.Errorf("answered %d", m.Status)
		}
		desk.told(dndOff)
		if m := desk.press(setForwarding("forwardBusy", false, "", 0)); m.Status != 200 {
			t.Errorf("forwarding when busy, off: answered %d", m.Status)
		}
		desk.told(dndOff)
		if r.snapshot("101").Version != before {
			t.Error("something changed")
		}
	})
}

func TestKeysOfOthersAreNobodysBusiness(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		other := r.lamp("192.0.2.10:5060", "102", "sip:101@ex.test")
		other.event = "as-feature-event"
		if m := other.subscribe(3600); m.Status != 403 {
			t.Errorf("another agent's phone is answered %d", m.Status)
		}
		peer := r.pbx(pbxA, "sip:101@ex.test")
		m := peer.Do(peer.Request("SUBSCRIBE", "sip:101@ex.test", "sip:101@ex.test", "").Add(message.Event, "as-feature-event").
			Add(message.Contact, "<sip:x@192.0.2.200>").Body(feature.ContentType, []byte(setDND(true))))
		if m.Status != 401 { // the phone behind it is asked
			t.Errorf("a peer is answered %d", m.Status)
		}
		if got := r.snapshot("101").Selected.Status; got == presence.SelectDND {
			t.Error("and was obeyed")
		}
	})
}

// TestKeysOfAPhoneBehindAPeer: what a trusted server passes on is the phone's own.
func TestKeysOfAPhoneBehindAPeer(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		desk := r.keys(pbxA, "101")
		if m := desk.press(setDND(true)); m.Status != 200 {
			t.Fatalf("answered %d", m.Status)
		}
		desk.told(dndOn)
		if got := r.snapshot("101").Selected.Actor; got != "device:101" {
			t.Errorf("done by %s", got)
		}
	})
}

func TestAgentStateKeys(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy(func(p *presence.Policy) {
			p.OnlineBy = presence.OnlineByAnyDevice
			p.Statuses = []presence.Custom{{Name: "Lunch"}, {Name: "After Call"}, {Name: "Gone"}, {Name: "Training", Regular: true}}
			p.AgentKeys = presence.AgentKeys{NotReady: []presence.NotReadyReason{{Code: "2", Status: presence.SelectCustom("Lunch")}},
				AfterCall: presence.SelectCustom("After Call"), LoggedOff: presence.SelectCustom("Gone")}
		})
		r.do("101", "", roster.PutRegistration{Registration: presence.Registration{ID: "r", Device: r.device("101", "x", nil), Kind: presence.KindDesk, Contact: "sip:x", Alive: true}})
		desk := r.keys("192.0.2.10:5060", "101")
		for _, c := range []struct{ state, reason, root, selected string }{
			{"notReady", "2", "<AgentNotReadyEvent", "custom:Lunch"},
			{"notReady", "7", "<AgentNotReadyEvent", "do_not_disturb"},
			{"workingAfterCall", "", "<AgentWorkingAfterCallEvent", "custom:After Call"},
			{"ready", "", "<AgentReadyEvent", "available"},
			{"loggedOff", "", "<AgentLoggedOffEvent", "custom:Gone"},
			{"loggedOn", "", "<AgentReadyEvent", "available"},
		} {
			if m := desk.press(setAgent(c.state, c.reason)); m.Status != 200 {
				t.Errorf("%s answered %d %s", c.state, m.Status, m.Phrase)
			}
			body := desk.told(c.root)
			if got := r.snapshot("101").Selected.Status; string(got) != c.selected {
				t.Errorf("%s %s selects %s, want %s", c.state, c.reason, got, c.selected)
			}
			if known := strings.Contains(body, "<pri:AgentNotReadyReasonValue>2<"); known != (c.reason == "2") {
				t.Errorf("%s %s: reason in\n%s", c.state, c.reason, body)
			}
		}
		r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectCustom("Training")})
		desk.dark(5 * time.Second) // it takes calls: as ready as before
		r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectCustom("Lunch")})
		desk.told("<AgentNotReadyEvent", "ReasonValue>2<", dndOff)
	})
}

func TestReadyKeyEndsAWrapUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.policy(func(p *presence.Policy) { p.OnlineBy = presence.OnlineByAnyDevice })
		r.do("101", "", roster.PutRegistration{Registration: presence.Registration{ID: "r", Device: r.device("101", "x", nil), Kind: presence.KindDesk, Contact: "sip:x", Alive: true}})
		desk := r.keys("192.0.2.10:5060", "101")
		r.do("101", "", roster.PutLeg{Leg: presence.Leg{ID: "l", Call: "c", Kind: presence.CallCampaign, State: presence.LegTalking}})
		r.do("101", "", roster.EndLeg{ID: "l"})
		desk.told("<AgentWorkingAfterCallEvent")
		if m := desk.press(setAgent("workingAfterCall", "")); m.Status != 200 {
			t.Errorf("a wrap-up that is running is refused: %d", m.Status)
		}
		desk.told("<AgentWorkingAfterCallEvent")
		desk.press(setAgent("ready", ""))
		desk.told("<AgentReadyEvent")
		if s := r.snapshot("101"); s.WrapUp != nil {
			t.Errorf("wrap-up %+v", s.WrapUp)
		}
	})
}

// TestKeysAreRightAfterARestart: what a key did is kept, and the phone hears of
// it again without doing anything.
func TestKeysAreRightAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		desk := r.keys("192.0.2.10:5060", "101")
		desk.press(setDND(true))
		desk.told(dndOn)
		desk.press(setForwarding("forwardImmediate", true, "200", 0))
		desk.told("<forwardTo>200</forwardTo>")
		r.restart()
		desk.told(dndOn, "<forwardTo>200</forwardTo>")
		s := r.snapshot("101")
		if f := status.Forwarded(&s.Settings, presence.ForwardAlways); !f.On || s.Selected.Status != presence.SelectDND {
			t.Errorf("%+v, %+v", f, s.Selected)
		}
	})
}

// TestKeysOfADeviceThatChangesHands: the phone is told to subscribe anew, and then
// has the keys of whoever holds it.
func TestKeysOfADeviceThatChangesHands(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		dev := r.device("101", "hot", nil)
		k := r.keys("192.0.2.10:5060", "hot")
		r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectDND})
		k.told(dndOn)
		synctest.Wait()
		now := time.Now()
		if err := r.dir.Apply(context.Background(), directory.Edit{Assignments: []presence.Assignment{
			{Device: dev, Agent: r.ids["101"], To: now}, {Device: dev, Agent: r.ids["102"], From: now}}}); err != nil {
			t.Fatal(err)
		}
		if m := k.shows(); m.Get(message.SubscriptionState) != "terminated;reason=deactivated" {
			t.Errorf("state %q", m.Get(message.SubscriptionState))
		}
		if m := k.press(setDND(false)); m.Status != 481 {
			t.Errorf("a key of the old subscription is answered %d", m.Status)
		}
		r.wantSelected("101", presence.SelectDND)
		k = r.keys("192.0.2.11:5060", "hot")
		k.press(setDND(true))
		k.told(dndOn)
		r.wantSelected("102", presence.SelectDND)
	})
}
