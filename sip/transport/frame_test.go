package transport

import (
	"errors"
	"strings"
	"testing"
)

func message1(extra, body string) string {
	return "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\n" + extra + "\r\n" + body
}

// cutAll feeds a stream in pieces of size n.
func cutAll(stream string, n int) (messages []string, pings int, err error) {
	f := framer{head: 64 << 10, body: 1 << 20}
	for stream != "" {
		room := f.room()
		took := copy(room[:min(n, len(room))], stream)
		f.filled(took)
		stream = stream[took:]
		for {
			fr, ok, err := f.next()
			pings += fr.pings
			if err != nil {
				return messages, pings, err
			}
			if !ok {
				break
			}
			messages = append(messages, string(fr.message))
		}
	}
	return messages, pings, nil
}

func TestFramer(t *testing.T) {
	one, two := message1("Content-Length: 5\r\n", "hello"), message1("l : 0\r\n", "")
	large := message1("Content-Length: 100000\r\n", strings.Repeat("x\r\n\r\n", 20000))
	for name, c := range map[string]struct {
		stream string
		want   []string
		pings  int
	}{
		"two messages":        {one + two, []string{one, two}, 0},
		"empty lines between": {"\r\n" + one + "\r\n" + two, []string{one, two}, 0},
		"ping, pong, message": {"\r\n\r\n" + "\r\n" + one + "\r\n\r\n\r\n\r\n" + two, []string{one, two}, 3},
		"large":               {large + one, []string{large, one}, 0},
		"length twice":        {message1("l: 2\r\nContent-Length: 2\r\n", "hi") + one, []string{message1("l: 2\r\nContent-Length: 2\r\n", "hi"), one}, 0},
	} {
		for _, n := range []int{1, 2, 3, 7, 100, 1 << 20} {
			got, pings, err := cutAll(c.stream, n)
			if err != nil || strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("%s in pieces of %d: %d messages, %v", name, n, len(got), err)
			}
			// "\r\n" then "\r\n…" torn apart cannot be told from a ping.
			if n > 1<<10 && pings != c.pings {
				t.Errorf("%s: %d pings, want %d", name, pings, c.pings)
			}
		}
	}
}

func TestFramerRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		stream string
		want   error
	}{
		"no length":       {message1("", ""), errNoLength},
		"negative":        {message1("Content-Length: -1\r\n", ""), errNoLength},
		"not a number":    {message1("Content-Length: 5x\r\n", "hello"), errNoLength},
		"empty length":    {message1("Content-Length:\r\n", ""), errNoLength},
		"two lengths":     {message1("l: 5\r\nContent-Length: 6\r\n", "hello!"), errNoLength},
		"huge body":       {message1("Content-Length: 99999999\r\n", ""), errBodyTooLong},
		"overflow":        {message1("Content-Length: 18446744073709551621\r\n", ""), errNoLength},
		"head of 1 MB":    {message1("X: "+strings.Repeat("a", 1<<20)+"\r\nContent-Length: 0\r\n", ""), errHeadTooLong},
		"endless head":    {"OPTIONS sip:a@b SIP/2.0\r\n" + strings.Repeat("X: y\r\n", 1<<17), errHeadTooLong},
		"TLS hello":       {"\x16\x03\x01\x02\x00\x01", errGarbage},
		"zeros":           {strings.Repeat("\x00", 100), errGarbage},
		"white space":     {"   OPTIONS", errGarbage},
		"after a message": {message1("l: 0\r\n", "") + "{json}", errGarbage},
	} {
		for _, n := range []int{1, 1000, 1 << 20} {
			if _, _, err := cutAll(c.stream, n); !errors.Is(err, c.want) {
				t.Errorf("%s in pieces of %d: %v, want %v", name, n, err, c.want)
			}
		}
	}
}

// A large message must not leave a large buffer with a silent flow.
func TestFramerGivesMemoryBack(t *testing.T) {
	f := framer{head: 64 << 10, body: 1 << 20}
	s := message1("Content-Length: 500000\r\n", strings.Repeat("x", 500000))
	for s != "" {
		n := copy(f.room(), s)
		f.filled(n)
		s = s[n:]
	}
	if _, ok, err := f.next(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if f.room(); cap(f.buf) > 16<<10 {
		t.Errorf("%d bytes kept", cap(f.buf))
	}
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte(message1("Content-Length: 5\r\n", "hello")+"\r\n\r\n"+message1("l: 0\r\n", "")), 3)
	f.Add([]byte("\r\n\r\n\r\nX"), 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 1 || n > 1<<16 {
			return
		}
		whole, _, err := cutAll(string(b), 1<<20)
		torn, _, err2 := cutAll(string(b), n)
		if (err == nil) != (err2 == nil) || strings.Join(whole, "|") != strings.Join(torn, "|") {
			t.Fatalf("whole %q (%v), torn %q (%v)", whole, err, torn, err2)
		}
	})
}
