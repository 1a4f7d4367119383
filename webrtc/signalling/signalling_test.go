package signalling

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	long := strings.Repeat("x", MaxWord+1)
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"hello":                 {`{"t":"hello","ticket":"abc","tab":"t","lead":true,"mic":{"perm":"granted"}}`, true},
		"pong":                  {`{"t":"pong","n":7,"mic":{"perm":"granted","probe":"ok","inputs":2}}`, true},
		"mic":                   {`{"t":"mic","mic":{"perm":"denied"}}`, true},
		"fields of the future":  {`{"t":"lead","colour":"red"}`, true},
		"bye":                   {`{"t":"bye","why":"logout"}`, true},
		"end of candidates":     {`{"t":"cand","call":"c","cand":{"candidate":""}}`, true},
		"empty":                 {``, false},
		"null":                  {`null`, false},
		"array":                 {`[{"t":"lead"}]`, false},
		"no type":               {`{}`, false},
		"server's type":         {`{"t":"welcome"}`, false},
		"pong without number":   {`{"t":"pong"}`, false},
		"negative number":       {`{"t":"pong","n":-1}`, false},
		"number as text":        {`{"t":"pong","n":"1"}`, false},
		"mic without claim":     {`{"t":"mic"}`, false},
		"offer without sdp":     {`{"t":"offer","call":"c"}`, false},
		"offer without call":    {`{"t":"offer","sdp":"v=0"}`, false},
		"long sdp":              {`{"t":"offer","call":"c","sdp":"` + strings.Repeat("x", MaxSDP+1) + `"}`, false},
		"longest sdp":           {`{"t":"offer","call":"c","sdp":"` + strings.Repeat("x", MaxSDP) + `"}`, true},
		"long call":             {`{"t":"offer","sdp":"v=0","call":"` + long + `"}`, false},
		"long tab":              {`{"t":"hello","tab":"` + long + `"}`, false},
		"long ticket":           {`{"t":"hello","ticket":"` + strings.Repeat("x", MaxTicket+1) + `"}`, false},
		"long error":            {`{"t":"mic","mic":{"err":"` + long + `"}}`, false},
		"long candidate":        {`{"t":"cand","call":"c","cand":{"candidate":"` + strings.Repeat("x", MaxCandidate+1) + `"}}`, false},
		"cand without one":      {`{"t":"cand","call":"c"}`, false},
		"packets below nothing": {`{"t":"heard","call":"c","packets":-1}`, false},
		"two objects":           {`{"t":"lead"}{"t":"lead"}`, false},
		"broken text":           {"{\"t\":\"lead\",\"tab\":\"\xff\"}", true}, // read as U+FFFD, a tab's name is opaque
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(tt.text))
			if (err == nil) != tt.ok {
				t.Fatalf("Decode: %v", err)
			}
			if err != nil && !errors.Is(err, ErrInvalid) {
				t.Errorf("%v does not match ErrInvalid", err)
			}
		})
	}
}

func TestAppendPing(t *testing.T) {
	var m struct {
		T Type
		N uint64
	}
	if err := json.Unmarshal(AppendPing(nil, 1<<40), &m); err != nil || m.T != Ping || m.N != 1<<40 {
		t.Errorf("%+v, %v", m, err)
	}
}

// FuzzDecode: whatever a page sends, an accepted message keeps the limits and
// reads the same after being written again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"t":"hello","ticket":"abc","mic":{"perm":"granted","inputs":0}}`))
	f.Add([]byte(`{"t":"cand","call":"c","cand":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMLineIndex":0}}`))
	f.Add([]byte(`{"t":"pong","n":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if len(m.SDP) > MaxSDP || len(m.Call) > MaxWord || len(m.Tab) > MaxWord {
			t.Fatalf("limits not kept: %+v", m)
		}
		again, err := Decode(Encode(m))
		if err != nil || again.T != m.T || again.N != m.N || again.SDP != m.SDP {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}

func BenchmarkDecodePong(b *testing.B) {
	msg := []byte(`{"t":"pong","n":1234,"mic":{"perm":"granted","probe":"ok","inputs":2,"lost":false,"muted":false},"vis":"hidden"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(msg); err != nil {
			b.Fatal(err)
		}
	}
}
