package message

import (
	"bytes"
	"reflect"
	"testing"
)

// seeds are the hot shapes, odd relatives of theirs, and RFC 4475.
func seeds(t testing.TB) [][]byte {
	out := [][]byte{[]byte(register), []byte(notifyOK), []byte(subscribe)}
	for _, change := range []string{
		"+X: a\r\n b", "+X:", "+X: ", "+x : y", "+X: \x85", "+X: \xa0y", "+X: \v", "+X:\tq\t", "+l: 0", "Content-Length: 00", "Content-Length: +1",
		"OPTIONS sip:a:b@h SIP/2.0", "OPTIONS sip:h:5060;x=y SIP/2.0", "OPTIONS sip:h:99999 SIP/2.0", "OPTIONS sip:[::1] SIP/2.0", "OPTIONS sip:a@h?x=y SIP/2.0",
		"OPTIONS sip:@h SIP/2.0", "OPTIONS sip:h: SIP/2.0", "OPTIONS sip:*@h SIP/2.0", "OPTIONS sip:a@h;;=x SIP/2.0", "OPTIONS sip://h SIP/2.0",
	} {
		out = append(out, []byte(request(change)))
	}
	for _, raw := range corpus(t) {
		out = append(out, raw)
	}
	return append(out, []byte("SIP/2.0 200 \r\n\r\n"), []byte("SIP/2.0 200\r\n\r\n"), []byte("SIP/2.0 100 \xc3\xa9\r\nA: b\r\n\r\n"))
}

// FuzzLeanEqualsFull: whatever the lean reader takes, sipgo's parser takes too,
// and both fill a Message alike.
func FuzzLeanEqualsFull(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		lean := parseLean(bytes.Clone(raw))
		if lean == nil {
			return
		}
		full, err := parseFull(bytes.Clone(raw))
		if err != nil {
			t.Fatalf("lean takes what full refuses: %v\n%q", err, raw)
		}
		lean.Headers = append([]Header(nil), lean.Headers...)
		full.Headers = append([]Header(nil), full.Headers...)
		if !reflect.DeepEqual(&lean.Message, full) {
			t.Fatalf("lean and full differ\nlean %+v\nfull %+v", lean, full)
		}
	})
}

// FuzzParse: no bytes make the readers panic, and what is built from a request
// can be read again with the same identity.
func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if m == nil {
			return
		}
		if err != nil {
			Verdict(m, err)
			return
		}
		_, _ = m.Contacts()
		_, _ = m.Addresses(Route)
		m.Values(Supported)
		m.ExpiresHeader()
		m.From()
		if u, err := ParseURI(m.URI); err == nil {
			u.UserDecoded()
			if v, err := ParseURI(u.String()); err == nil && !u.Equal(v) {
				t.Fatalf("URI %q does not equal itself written out as %q", m.URI, u)
			}
		}
		if !m.IsRequest() || Validate(m) != nil {
			return
		}
		res, err := Parse(NewResponse(m, 200, "").Bytes())
		if err != nil {
			t.Fatalf("our own response: %v", err)
		}
		seq, method := m.CSeq()
		seq2, method2 := res.CSeq()
		if res.CallID() != m.CallID() || res.FromTag() != m.FromTag() || seq != seq2 || method != method2 {
			t.Fatalf("response does not belong to the request\n%q\n%q", m.Raw, res.Raw)
		}
	})
}
