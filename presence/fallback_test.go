package presence

import (
	"strings"
	"testing"
)

func TestCheckFallback(t *testing.T) {
	for s, ok := range map[string]bool{
		"": true, "1999": true, "*98": true, "+49-30-1234": true,
		"sip:voicemail@one.test": true, "sips:vm@one.test:5061;transport=tcp": true, "SIP:one.test": true, "tel:+4930123;phone-context=x": true,
		"sip:" + strings.Repeat("a", 243) + "@one.test": true,
		"sip:" + strings.Repeat("a", 244) + "@one.test": false,
		"voicemail":                   false,
		"+":                           false,
		"tel:":                        false,
		"tel:home":                    false,
		"sip:":                        false,
		"sip:@one.test":               false,
		"sip:a@":                      false,
		"sip:a@b@c":                   false,
		"http://one.test":             false,
		"sip:a@b>,<sip:c@d":           false,
		"sip:a@b?Subject=x":           false,
		"sip:a b@c":                   false,
		"sip:a@b\r\nContact: sip:c@d": false,
		"sip:ä@b":                     false,
	} {
		if err := CheckFallback(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}
