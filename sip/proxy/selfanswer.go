package proxy

import (
	"strings"

	"lamplight/sip/message"
)

// Headers by which a phone is asked to pick up by itself, in the words that the
// families know; what a phone does not know it ignores.
const (
	alertInfo  message.Name = "Alert-Info"  // Yealink, Grandstream, Fanvil, Poly by its alert class
	callInfo   message.Name = "Call-Info"   // Snom, Cisco, Grandstream, Yealink
	answerMode message.Name = "Answer-Mode" // RFC 5373 §4.3
	privAnswer message.Name = "Priv-Answer-Mode"
)

// answersItself asks a phone to pick up by itself, as its user has done already.
func answersItself(domain string) []message.Header {
	return []message.Header{
		{Name: alertInfo, Value: "<http://" + domain + ">;info=alert-autoanswer;delay=0"},
		{Name: callInfo, Value: "<sip:" + domain + ">;answer-after=0"},
		{Name: answerMode, Value: "Auto"},
	}
}

// asksToAnswer are the headers of a peer's call that stay here: a phone that is set
// to pick up by itself for a colleague's pickup must not do so for anybody who calls
// from outside, or he hears what is said beside it. Of the headers that say other
// things too, only those go that say this.
func asksToAnswer(m *message.Message, c *caller) (out []message.Name) {
	if c.peer == nil || c.peer.AutoAnswer {
		return nil
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		text := strings.ToLower(h.Value)
		switch h.Name {
		case answerMode, privAnswer:
		case alertInfo, callInfo:
			if !strings.Contains(text, "answer") && !strings.Contains(text, "intercom") {
				continue
			}
		default:
			continue
		}
		out = append(out, h.Name)
	}
	return out
}
