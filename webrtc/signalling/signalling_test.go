package signalling

import (
	"encoding/json"
	"errors"
	"math"
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
		"stats":                 {`{"t":"stats","call":"c","stats":{"rtt":12.5,"lost":0.01,"codec":"PCMU"}}`, true},
		"stats of no call":      {`{"t":"stats","stats":{"rtt":1}}`, false},
		"stats without any":     {`{"t":"stats","call":"c"}`, false},
		"stats that are NaN":    {`{"t":"stats","call":"c","stats":{"rtt":NaN}}`, false},
		"stats beyond numbers":  {`{"t":"stats","call":"c","stats":{"rtt":1e999}}`, false},
		"stats in words":        {`{"t":"stats","call":"c","stats":{"rtt":"12"}}`, false},
		"stats of a long codec": {`{"t":"stats","call":"c","stats":{"codec":"` + long + `"}}`, false},
		"devices":               {`{"t":"devices","devices":[{"kind":"input","label":"Headset","used":true}]}`, true},
		"no devices":            {`{"t":"devices"}`, true},
		"a device of no kind":   {`{"t":"devices","devices":[{"label":"Camera"}]}`, false},
		"a device's long name":  {`{"t":"devices","devices":[{"kind":"input","label":"` + long + `"}]}`, false},
		"too many devices":      {`{"t":"devices","devices":[` + strings.Repeat(`{"kind":"input","label":"x"},`, MaxDevices) + `{"kind":"input","label":"x"}]}`, false},
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

// What is measured may be anything a broken or hostile page makes up: only what can be
// true is.
func TestSane(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	tests := map[string]struct {
		s  Stats
		ok bool
	}{
		"nothing known":    {Stats{}, true},
		"all of it":        {Stats{Codec: "PCMU", Path: "host/udp", RTT: f(20), Jitter: f(3), Lost: f(0), LostThere: f(1), Concealed: f(.5), Level: f(.1), Heard: f(1)}, true},
		"NaN":              {Stats{RTT: f(math.NaN())}, false},
		"infinite":         {Stats{Jitter: f(math.Inf(1))}, false},
		"negative":         {Stats{RTT: f(-1)}, false},
		"an hour":          {Stats{RTT: f(3.6e6)}, false},
		"more than all":    {Stats{Lost: f(1.01)}, false},
		"less than none":   {Stats{LostThere: f(-.01)}, false},
		"louder than all":  {Stats{Level: f(1e300)}, false},
		"a codec of lines": {Stats{Codec: "PCMU\n2026 ERROR"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.s.Sane(); got != tt.ok {
				t.Errorf("sane: %t", got)
			}
		})
	}
}

func TestDeviceNamesArePlain(t *testing.T) {
	m, err := Decode([]byte(`{"t":"devices","devices":[{"kind":"output","label":"Head\u001b[31mset\u202eé"}]}`))
	if err != nil || m.Devices[0].Label != "Head [31mset é" {
		t.Errorf("%+v, %v", m.Devices, err)
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
