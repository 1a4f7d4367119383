package events

import (
	"fmt"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events/mailbox"
	"lamplight/sip/message"
	"lamplight/store"
)

// voicemail publishes one mailbox.
func (r *rig) voicemail(addr, account string) *pbx {
	p := r.pbx(addr, account)
	p.expiry = "600"
	return p
}

func (p *pbx) summary(lines string) *message.Builder {
	b := p.Request("PUBLISH", p.entity, p.entity, "").Add(message.Event, "message-summary")
	if p.expiry != "" {
		b.Add(message.Expires, p.expiry)
	}
	if p.etag != "" {
		b.Add(message.SIPIfMatch, p.etag)
	}
	if lines != "" {
		b.Body(mailbox.ContentType, []byte(lines))
	}
	return b
}

// tell publishes the summary and wants this answer.
func (p *pbx) tell(status int, lines string) *message.Message {
	p.t.Helper()
	m := p.Do(p.summary(lines))
	if m.Status != status {
		p.t.Fatalf("PUBLISH answered %d, want %d:\n%s", m.Status, status, m.Raw)
	}
	if m.Status == 200 {
		p.etag = m.Get(message.SIPETag)
	}
	return m
}

// waits subscribes a phone to its mailbox; nobody has told of it.
func (r *rig) waits(addr, user, account string) *lamp {
	r.t.Helper()
	l := r.lamp(addr, user, account)
	l.event = "message-summary"
	if m := l.subscribe(3600); m.Status != 200 {
		r.t.Fatalf("SUBSCRIBE answered %d:\n%s", m.Status, m.Raw)
	}
	return l
}

func TestPublishedMessagesLightTheLamp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.waits("192.0.2.10:5060", "101", "sip:101@ex.test")
		l.shows("Messages-Waiting: no\r\n", "!Voice")
		p := r.voicemail(pbxA, "sip:101@ex.test")
		before := time.Now()
		p.tell(200, "Messages-Waiting: yes\r\nMessage-Account: sip:*97@ex.test\r\nVoice-Message: 2/5 (0/1)\r\n")
		m := l.shows("Messages-Waiting: yes\r\n", "Message-Account: sip:*97@ex.test\r\n", "Voice-Message: 2/5 (0/1)\r\n")
		if took := time.Since(before); took > time.Second {
			t.Errorf("told after %v", took)
		}
		if got := m.Get(message.ContentType); got != "application/simple-message-summary" {
			t.Errorf("Content-Type %q", got)
		}
		p.tell(200, "") // a refresh changes nothing
		p.tell(200, "Messages-Waiting: yes\r\nMessage-Account: sip:*97@ex.test\r\nVoice-Message: 2/5 (0/1)\r\n")
		l.dark(5 * time.Second)
		p.tell(200, "Messages-Waiting: no\r\nVoice-Message: 0/7\r\n")
		l.shows("Messages-Waiting: no\r\n", "Voice-Message: 0/7 (0/0)\r\n")
	})
}

func TestMessagesEndWithTheirPublication(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.waits("192.0.2.10:5060", "101", "sip:101@ex.test")
		l.shows()
		p := r.voicemail(pbxA, "sip:101@ex.test")
		p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
		l.shows("Messages-Waiting: yes")
		time.Sleep(500 * time.Second)
		p.tell(200, "")
		l.dark(590 * time.Second) // refreshed
		l.shows("Messages-Waiting: no\r\n", "!Voice")
		p.tell(412, "")
		p.etag = ""
		p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 3/0\r\n")
		l.shows("Voice-Message: 3/0")
		p.expiry = "0"
		p.tell(200, "")
		l.shows("Messages-Waiting: no\r\n", "!Voice")
	})
}

func TestMessageTagsAreGoodOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.voicemail(pbxA, "sip:101@ex.test")
		p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
		old := p.etag
		p.tell(200, "")
		if p.etag == old {
			t.Error("the entity tag did not change")
		}
		fresh := p.etag
		p.etag = old
		p.tell(412, "Messages-Waiting: no\r\n")
		p.etag = "m123-9"
		p.tell(412, "")
		p.etag = fresh
		other := r.voicemail(pbxB, "sip:101@ex.test")
		other.etag = fresh
		other.tell(412, "") // another peer's
		p.tell(200, "")
	})
}

func TestMessagesSurviveARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.waits("192.0.2.10:5060", "101", "sip:101@ex.test")
		l.shows()
		p := r.voicemail(pbxA, "sip:101@ex.test")
		p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
		l.shows("Voice-Message: 1/0")
		r.restart()
		l.shows("Voice-Message: 1/0")
		p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n") // with the tag of before
		l.shows("Voice-Message: 2/0")
		r.restart()
		l.shows("Voice-Message: 2/0")
		l.dark(590 * time.Second)
		l.shows("Messages-Waiting: no") // the publication was not refreshed
	})
}

func TestMessagesNotCommittedAreNotTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.waits("192.0.2.10:5060", "101", "sip:101@ex.test")
		l.shows()
		p := r.voicemail(pbxA, "sip:101@ex.test")
		r.store.FailNext(1)
		p.tell(503, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
		l.dark(5 * time.Second)
		p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
		l.shows("Voice-Message: 1/0")
		time.Sleep(595 * time.Second)
		r.store.FailNext(2) // the end of the publication cannot be stored at first
		l.dark(10 * time.Second)
		l.shows("Messages-Waiting: no")
	})
}

func TestUnsolicitedNotifyIsRelayed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.waits("192.0.2.10:5060", "101", "sip:101@ex.test")
		l.shows()
		p := r.voicemail(pbxA, "sip:101@ex.test")
		notify := func(from *pbx, uri, to, lines string) *message.Message {
			return from.Do(from.Request("NOTIFY", uri, "sip:asterisk@192.0.2.200", to).Add(message.Event, "message-summary").
				Add("Subscription-State", "active").Body(mailbox.ContentType, []byte(lines)))
		}
		if m := notify(p, "sip:101@192.0.2.1:5060", "sip:101@192.0.2.1:5060", "Messages-Waiting: yes\r\nMessage-Account: sip:asterisk@192.0.2.200\r\nVoice-Message: 1/0 (0/0)\r\n"); m.Status != 200 {
			t.Fatalf("NOTIFY answered %d", m.Status)
		}
		l.shows("Message-Account: sip:asterisk@192.0.2.200", "Voice-Message: 1/0")
		l.dark(50 * time.Minute) // no end of its own
		if m := notify(p, "sip:x@192.0.2.1", "sip:101@ex.test", "Messages-Waiting: no\r\nVoice-Message: 0/1\r\n"); m.Status != 200 {
			t.Fatalf("NOTIFY answered %d", m.Status)
		}
		l.shows("Messages-Waiting: no", "Voice-Message: 0/1")
		if m := notify(p, "sip:101@ex.test", "sip:101@ex.test", "hello"); m.Status != 400 {
			t.Errorf("a bad NOTIFY was answered %d", m.Status)
		}
		stranger := r.pbx("192.0.2.99:5060", "sip:101@ex.test")
		if m := notify(stranger, "sip:101@ex.test", "sip:101@ex.test", "Messages-Waiting: yes\r\n"); m.Status != 481 {
			t.Errorf("a stranger's NOTIFY was answered %d", m.Status)
		}
		mute := r.pbx("192.0.2.203:5060", "sip:101@ex.test")
		if m := notify(mute, "sip:101@ex.test", "sip:101@ex.test", "Messages-Waiting: yes\r\n"); m.Status != 481 {
			t.Errorf("the NOTIFY of a peer that may not publish was answered %d", m.Status)
		}
		l.dark(5 * time.Second)
	})
}

func TestMailboxPublishIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.voicemail(pbxA, "sip:101@ex.test")
		const fine = "Messages-Waiting: yes\r\n"
		for name, c := range map[string]struct {
			change func(*message.Builder)
			lines  string
			status int
		}{
			"no body":              {func(*message.Builder) {}, "", 400},
			"a bad body":           {func(*message.Builder) {}, "Messages-Waiting: perhaps", 400},
			"a large body":         {func(*message.Builder) {}, fine + fmt.Sprintf("X: %09000d\r\n", 1), 413},
			"another type":         {func(b *message.Builder) { b.Set(message.ContentType, "text/plain") }, fine, 415},
			"too short":            {func(b *message.Builder) { b.Set(message.Expires, "5") }, fine, 423},
			"an unknown tag":       {func(b *message.Builder) { b.Add(message.SIPIfMatch, "nonsense") }, fine, 412},
			"an unknown extension": {func(b *message.Builder) { b.Add(message.Require, "magic") }, fine, 420},
		} {
			b := p.summary(c.lines)
			c.change(b)
			if m := p.Do(b); m.Status != c.status {
				t.Errorf("%s: answered %d, want %d", name, m.Status, c.status)
			}
		}
		for entity, status := range map[string]int{"sip:101@other.test": 403, "sip:101@nowhere.test": 404, "sip:ex.test": 404, "sip:sales@ex.test": 200} {
			p.of(entity).tell(status, fine)
		}
		stranger := r.voicemail("192.0.2.99:5060", "sip:101@ex.test")
		stranger.tell(403, fine)
	})
}

// TestMessageSummaryIsNeverRefused: a client that is refused this package asks
// again without a pause, so every phone of the domain gets an answer with a
// document, whether anybody has a mailbox or not.
func TestMessageSummaryIsNeverRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for i, account := range []string{"sip:101@ex.test", "sip:102@ex.test", "sip:nobody@ex.test", "sip:*97@ex.test", "sip:101@192.0.2.1"} {
			l := r.waits(fmt.Sprintf("192.0.2.10:%d", 5060+i), "201", account)
			l.shows("Messages-Waiting: no\r\n")
			if m := l.subscribe(0); m.Status != 200 {
				t.Errorf("%s: the end was answered %d", account, m.Status)
			}
			l.shows("Messages-Waiting: no\r\n")
		}
	})
}

// boxes is how many mailboxes are stored.
func (r *rig) boxes() (n int) {
	r.t.Helper()
	if err := r.store.Scan(r.t.Context(), "mailbox", func(store.Record) error { n++; return nil }); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func TestMailboxOfADeletedAgentGoes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.voicemail(pbxA, "sip:101@ex.test").tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
		p := r.voicemail(pbxB, "sip:sales@ex.test")
		p.tell(200, "Messages-Waiting: yes\r\n")
		if n := r.boxes(); n != 2 {
			t.Fatalf("%d mailboxes", n)
		}
		if err := r.dir.Apply(t.Context(), directory.Edit{Actor: "test", DeleteAgents: []presence.AgentID{r.ids["101"]}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := r.boxes(); n != 1 {
			t.Errorf("%d mailboxes after the agent was deleted", n)
		}
		p.expiry = "0"
		p.tell(200, "")
		if n := r.boxes(); n != 0 {
			t.Errorf("%d mailboxes after the last word on one", n)
		}
	})
}

// What was told of a mailbox before there was an agent of its address is shown to
// the agent's phones.
func TestMailboxOfAnAddressThatBecomesAnAgents(t *testing.T) {
	for name, restart := range map[string]bool{"meanwhile": false, "and the server is restarted": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				p := r.voicemail(pbxA, "sip:105@ex.test")
				p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
				dom, _ := r.dir.DomainByName("ex.test")
				set := mailbox.Summary{Waiting: true}
				set.Counts[mailbox.Fax] = &mailbox.Counts{New: 2}
				if err := r.events.Mailboxes().Put(t.Context(), dom, "105", set); err != nil {
					t.Fatal(err)
				}
				a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: "105", Name: "New", AORs: []string{"105@ex.test"}}
				if restart {
					if err := r.events.Mailboxes().Close(); err != nil { // it was made while nobody looked
						t.Fatal(err)
					}
				}
				if err := r.dir.Apply(t.Context(), directory.Edit{Actor: "test", Agents: []presence.Agent{a}}); err != nil {
					t.Fatal(err)
				}
				if restart {
					r.restart()
				}
				time.Sleep(time.Second)
				l := r.waits("192.0.2.10:5060", "101", "sip:105@ex.test")
				l.shows("Messages-Waiting: yes", "Fax-Message: 2/0", "!Voice")
				p.tell(412, "")
				p.etag = ""
				p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
				l.shows("Voice-Message: 1/0", "Fax-Message: 2/0")
				if n := r.boxes(); n != 1 {
					t.Errorf("%d mailboxes", n)
				}
			})
		})
	}
}

func TestTheLastWordOnAMailboxCounts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		dom, _ := r.dir.DomainByName("ex.test")
		l := r.waits("192.0.2.10:5060", "101", "sip:101@ex.test")
		l.shows()
		p := r.voicemail(pbxA, "sip:101@ex.test")
		p.tell(200, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\nFax-Message: 3/0\r\n")
		l.shows("Voice-Message: 1/0", "Fax-Message: 3/0")
		set := mailbox.Summary{}
		set.Counts[mailbox.Voice] = &mailbox.Counts{Old: 1}
		if err := r.events.Mailboxes().Put(t.Context(), dom, "101", set); err != nil {
			t.Fatal(err)
		}
		l.shows("Messages-Waiting: yes", "Voice-Message: 0/1", "Fax-Message: 3/0")
		p.tell(200, "") // a refresh takes nothing back
		l.dark(590 * time.Second)
		l.shows("Messages-Waiting: no", "Voice-Message: 0/1", "!Fax") // its publication has ended
		if err := r.events.Mailboxes().Clear(t.Context(), dom, "101"); err != nil {
			t.Fatal(err)
		}
		l.shows("Messages-Waiting: no\r\n", "!Voice")
		if n := r.boxes(); n != 0 {
			t.Errorf("%d mailboxes", n)
		}
	})
}

func TestMailboxesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.mailboxes = mailbox.Options{Total: 2, PerMailbox: 2}
		r.restart()
		const fine = "Messages-Waiting: yes\r\n"
		a := r.voicemail(pbxA, "sip:101@ex.test")
		a.tell(200, fine)
		b := a.of(a.entity)
		b.tell(200, fine)
		a.of(a.entity).tell(503, fine) // a third publication of one
		a.of("sip:102@ex.test").tell(200, fine)
		if m := a.of("sip:201@ex.test").tell(503, fine); m.Get(message.RetryAfter) == "" {
			t.Error("503 without Retry-After")
		}
		b.expiry = "0"
		b.tell(200, "")
		a.of(a.entity).tell(200, fine)
	})
}
