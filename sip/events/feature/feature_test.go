package feature_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"

	"lamplight/sip/events/feature"
)

const csta = `xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"`

func on(b bool) feature.Set { return feature.Set{DND: &b} }

func agent(s feature.State, reason string) feature.Set {
	return feature.Set{Agent: &feature.Agent{State: s, Reason: reason}}
}

func forwarding(k feature.Kind, on bool, to string, rings int) feature.Set {
	return feature.Set{Forwarding: &feature.Forwarding{Kind: k, On: on, To: to, Rings: rings}}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want feature.Set
	}{
		"do not disturb on": {`<?xml version="1.0" encoding="ISO-8859-1"?>
<SetDoNotDisturb ` + csta + `><device/><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>`, on(true)},
		"off, prefixed, in capitals": {`<c:SETDONOTDISTURB xmlns:c="urn:x"><c:DoNotDisturbOn> FALSE </c:DoNotDisturbOn></c:SETDONOTDISTURB>`, on(false)},
		"no namespace, a digit":      {`<SetDoNotDisturb><doNotDisturbOn>1</doNotDisturbOn></SetDoNotDisturb>`, on(true)},
		"the undeclared prefix":      {`<x:SetDoNotDisturb><x:doNotDisturbOn>true</x:doNotDisturbOn></x:SetDoNotDisturb>`, on(true)},
		"forward every call":         {`<SetForwarding ` + csta + `><device></device><forwardingType>forwardImmediate</forwardingType><activateForward>true</activateForward><forwardDN>200</forwardDN></SetForwarding>`, forwarding(feature.Immediate, true, "200", 0)},
		"forward after rings":        {`<SetForwarding><activateForward>true</activateForward><ringCount>3</ringCount><forwardDN>sip:200@ex.test</forwardDN><forwardingType>ForwardNoAns</forwardingType></SetForwarding>`, forwarding(feature.NoAnswer, true, "sip:200@ex.test", 3)},
		"forward no more":            {`<SetForwarding><forwardingType>forwardBusy</forwardingType><activateForward>false</activateForward><forwardDN/></SetForwarding>`, forwarding(feature.Busy, false, "", 0)},
		"not ready, with the reason": {`<SetAgentState ` + csta + `><device/><requestedAgentState>notReady</requestedAgentState><extensions><privateData><private xmlns:pri="http://schema.broadsoft.com/CSTAPrivateData"><pri:AgentNotReadyReasonValue>2</pri:AgentNotReadyReasonValue></private></privateData></extensions><agentID/><password/></SetAgentState>`, agent(feature.NotReady, "2")},
		"working after a call":       {`<SetAgentState><requestedAgentState>WorkingAfterCall</requestedAgentState></SetAgentState>`, agent(feature.WorkingAfterCall, "")},
		"a root not known here":      {`<SetCallCenterStatus><x>1</x></SetCallCenterStatus>`, feature.Set{}},
		"an umlaut of Latin-1":       {`<?xml version="1.0" encoding="iso-8859-1"?><SetForwarding><forwardingType>forwardImmediate</forwardingType><activateForward>1</activateForward><forwardDN>` + "\xfc" + `</forwardDN></SetForwarding>`, forwarding(feature.Immediate, true, "ü", 0)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := feature.Parse([]byte(c.body))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	deep := strings.Repeat("<a>", 17) + strings.Repeat("</a>", 17)
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"nothing":              {"", feature.ErrMalformed},
		"no XML":               {"doNotDisturb: on", feature.ErrMalformed},
		"cut short":            {"<SetDoNotDisturb><doNotDisturbOn>true", feature.ErrMalformed},
		"neither on nor off":   {"<SetDoNotDisturb><doNotDisturbOn>perhaps</doNotDisturbOn></SetDoNotDisturb>", feature.ErrMalformed},
		"no word of it":        {"<SetDoNotDisturb/>", feature.ErrMalformed},
		"no kind":              {"<SetForwarding><activateForward>true</activateForward></SetForwarding>", feature.ErrMalformed},
		"rings of no number":   {"<SetForwarding><forwardingType>forwardNoAns</forwardingType><activateForward>true</activateForward><ringCount>many</ringCount></SetForwarding>", feature.ErrMalformed},
		"no state of an agent": {"<SetAgentState><requestedAgentState>asleep</requestedAgentState></SetAgentState>", feature.ErrMalformed},
		"two roots":            {"<a/><b/>", feature.ErrMalformed},
		"entities":             {`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, feature.ErrMalformed},
		"an encoding of yore":  {`<?xml version="1.0" encoding="EBCDIC"?><a/>`, feature.ErrMalformed},
		"too deep":             {deep, feature.ErrTooLarge},
		"too long a number":    {"<SetForwarding><forwardDN>" + strings.Repeat("1", 300) + "</forwardDN></SetForwarding>", feature.ErrTooLarge},
		"too much":             {"<a>" + strings.Repeat(" ", 17<<10) + "</a>", feature.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := feature.Parse([]byte(c.body)); !errors.Is(err, c.want) {
				t.Errorf("got %+v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func part(body string) string {
	return "--b1\r\nContent-Type: application/x-as-feature-event+xml\r\n\r\n" + body + "\r\n"
}

func TestParseAll(t *testing.T) {
	dnd := "<SetDoNotDisturb><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>"
	ready := "<SetAgentState><requestedAgentState>ready</requestedAgentState></SetAgentState>"
	for name, c := range map[string]struct {
		typ, body string
		want      []feature.Set
		err       error
	}{
		"one":                  {"application/X-AS-feature-event+xml; charset=utf-8", dnd, []feature.Set{on(true)}, nil},
		"one that is unknown":  {feature.ContentType, "<SetMood/>", nil, nil},
		"several":              {`multipart/mixed; boundary="b1"`, part(dnd) + part("<SetMood/>") + part(ready) + "--b1--", []feature.Set{on(true), agent(feature.Ready, "")}, nil},
		"a part of other type": {"multipart/mixed;boundary=b1", strings.Replace(part(dnd), "application/x-as-feature-event+xml", "text/plain", 1) + "--b1--", nil, nil},
		"a part that is bad":   {"multipart/mixed;boundary=b1", part("<SetDoNotDisturb/>") + "--b1--", nil, feature.ErrMalformed},
		"never ended":          {"multipart/mixed;boundary=b1", "--b1\r\nContent-Type: application/x-as-feature-event+xml\r\n\r\n" + dnd, nil, feature.ErrMalformed},
		"too many":             {"multipart/mixed;boundary=b1", strings.Repeat(part(dnd), 17) + "--b1--", nil, feature.ErrTooLarge},
		"no boundary":          {"multipart/mixed", part(dnd), nil, feature.ErrType},
		"another type":         {"application/sdp", "v=0", nil, feature.ErrType},
		"no type":              {"", dnd, nil, feature.ErrType},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := feature.ParseAll(c.typ, []byte(c.body))
			if !errors.Is(err, c.err) || err == nil && !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, c.want, c.err)
			}
		})
	}
}

// everything is the most a phone may be told.
func everything() *feature.All {
	return &feature.All{Device: "1001", DND: true, Agent: &feature.Agent{State: feature.NotReady, Reason: "2"}, Forwarding: []feature.Forwarding{
		{Kind: feature.Immediate, On: true, To: "+15550100"}, {Kind: feature.NoAnswer, On: true, To: "+15550100", Rings: 3}, {Kind: feature.Busy}}}
}

func TestAppend(t *testing.T) {
	body := feature.Append(nil, everything())
	want := []string{
		`<DoNotDisturbEvent ` + csta + `><device>1001</device><doNotDisturbOn>true</doNotDisturbOn></DoNotDisturbEvent>`,
		`<ForwardingEvent ` + csta + `><device>1001</device><forwardingType>forwardImmediate</forwardingType><forwardStatus>true</forwardStatus><forwardTo>+15550100</forwardTo></ForwardingEvent>`,
		`<ForwardingEvent ` + csta + `><device>1001</device><forwardingType>forwardNoAns</forwardingType><forwardStatus>true</forwardStatus><forwardTo>+15550100</forwardTo><ringCount>3</ringCount></ForwardingEvent>`,
		`<ForwardingEvent ` + csta + `><device>1001</device><forwardingType>forwardBusy</forwardingType><forwardStatus>false</forwardStatus></ForwardingEvent>`,
		`<AgentNotReadyEvent ` + csta + `><device>1001</device><extensions><privateData><private xmlns:pri="http://schema.broadsoft.com/CSTAPrivateData"><pri:AgentNotReadyReasonValue>2</pri:AgentNotReadyReasonValue></private></privateData></extensions></AgentNotReadyEvent>`,
	}
	_, params, err := mime.ParseMediaType(feature.ContentTypeAll)
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(strings.NewReader(string(body)), params["boundary"])
	for i, w := range want {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatalf("part %d: %v in\n%s", i, err, body)
		}
		var text strings.Builder
		fmt.Fprint(&text, p.Header.Get("Content-Type"), "\n")
		buf := make([]byte, 4096)
		n, _ := p.Read(buf)
		if got := strings.TrimPrefix(string(buf[:n]), `<?xml version="1.0" encoding="UTF-8"?>`); got != w || text.String() != feature.ContentType+"\n" {
			t.Errorf("part %d of type %s\n%s\nwant\n%s", i, text.String(), got, w)
		}
		if err := xml.Unmarshal(buf[:n], new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("part %d: %v", i, err)
		}
	}
	if _, err := parts.NextPart(); err == nil {
		t.Error("another part follows")
	}
	if len(body) > 1900 {
		t.Errorf("%d bytes, want what goes into two packets of a local network together with its headers", len(body))
	}
}

func TestAgentStatesHaveTheirEvents(t *testing.T) {
	for state, root := range map[feature.State]string{
		feature.LoggedOn: "AgentLoggedOnEvent", feature.LoggedOff: "AgentLoggedOffEvent", feature.Ready: "AgentReadyEvent",
		feature.NotReady: "AgentNotReadyEvent", feature.WorkingAfterCall: "AgentWorkingAfterCallEvent",
	} {
		doc := string(feature.AppendAgent(nil, "1001", &feature.Agent{State: state}))
		if !strings.Contains(doc, "<"+root+" "+csta+">") || !strings.HasSuffix(doc, "</"+root+">") {
			t.Errorf("%s: %s", state, doc)
		}
	}
}

func TestHostileTextBreaksNoDocument(t *testing.T) {
	a := everything()
	a.Device, a.Forwarding[0].To, a.Agent.Reason = `1"><x>`, "\x00]]>&", "<>"
	for _, doc := range strings.Split(string(feature.Append(nil, a)), "\r\n\r\n")[1:] {
		doc, _, _ = strings.Cut(doc, "\r\n--")
		if err := xml.Unmarshal([]byte(doc), new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("%v in\n%s", err, doc)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	a, dst := everything(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst = feature.Append(dst[:0], a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("<SetDoNotDisturb><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>")
	f.Add("<SetForwarding><forwardingType>forwardNoAns</forwardingType><activateForward>1</activateForward><ringCount>3</ringCount></SetForwarding>")
	f.Fuzz(func(t *testing.T, s string) {
		set, err := feature.Parse([]byte(s))
		if err != nil {
			return
		}
		n := 0
		for _, is := range []bool{set.DND != nil, set.Forwarding != nil, set.Agent != nil} {
			if is {
				n++
			}
		}
		if n > 1 {
			t.Errorf("%d features in one document", n)
		}
	})
}
