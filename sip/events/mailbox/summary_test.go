package mailbox

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		body, want string // want as written again; empty: refused
	}{
		"the RFC's example":             {"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.test\r\nVoice-Message: 2/8 (0/2)\r\n\r\nTo: <alice@vmail.test>\r\n", "Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.test\r\nVoice-Message: 2/8 (0/2)\r\n"},
		"the line alone":                {"Messages-Waiting: no", "Messages-Waiting: no\r\n"},
		"account first, bare line ends": {"Message-Account: sip:101@ex.test\nMessages-Waiting: YES\nVoice-Message:1/0\n", "Messages-Waiting: yes\r\nMessage-Account: sip:101@ex.test\r\nVoice-Message: 1/0 (0/0)\r\n"},
		"several classes":               {"messages-waiting : no\r\nFAX-MESSAGE: 0 / 3\r\nvoice-message: 4294967295/0 ( 1 / 2 )\r\nnone: 1/1", "Messages-Waiting: no\r\nVoice-Message: 4294967295/0 (1/2)\r\nFax-Message: 0/3 (0/0)\r\nNone: 1/1 (0/0)\r\n"},
		"unknown headers":               {"Messages-Waiting: no\r\nX-Mood: fine\r\n", "Messages-Waiting: no\r\n"},
		"an account with spaces":        {"Messages-Waiting: no\r\nMessage-Account: sip:a b@c\r\n", "Messages-Waiting: no\r\n"},
		"nothing said":                  {"Voice-Message: 2/8\r\n", ""},
		"nothing at all":                {"\r\n\r\nMessages-Waiting: yes", ""},
		"neither yes nor no":            {"Messages-Waiting: maybe", ""},
		"no header":                     {"Messages-Waiting: yes\r\nhello", ""},
		"a count that is none":          {"Messages-Waiting: yes\r\nVoice-Message: two/8", ""},
		"a count too many":              {"Messages-Waiting: yes\r\nVoice-Message: 4294967296/0", ""},
		"half a count":                  {"Messages-Waiting: yes\r\nVoice-Message: 2", ""},
		"an open bracket":               {"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2", ""},
		"words after the bracket":       {"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2) x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte(c.body))
			if c.want == "" {
				if !errors.Is(err, ErrBad) {
					t.Errorf("error %v", err)
				}
				return
			}
			if got := string(s.Append(nil)); err != nil || got != c.want {
				t.Errorf("%v, got\n%swant\n%s", err, got, c.want)
			}
		})
	}
	if _, err := Parse([]byte("Messages-Waiting: no\r\n" + strings.Repeat("X: y\r\n", 2000))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large one: %v", err)
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	s, err := Parse([]byte("Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nVoice-Message: 2/8 (0/2)\r\nFax-Message: 1/0\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(200, func() { buf = s.Append(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Messages-Waiting: yes\r\nMessage-Account: sip:a@b\r\nVoice-Message: 2/8 (0/2)\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(s.Append(nil))
		if err != nil || string(again.Append(nil)) != string(s.Append(nil)) {
			t.Errorf("%q is read as %q, and that as %q, %v", b, s.Append(nil), again.Append(nil), err)
		}
	})
}
