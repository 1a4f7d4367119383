package message

import (
	"testing"

	"github.com/emiago/sipgo/sip"
)

func TestAllocations(t *testing.T) {
	raw, ok := []byte(register), []byte(notifyOK)
	req, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		most float64
		f    func()
	}{
		"parse REGISTER":      {2, func() { _, _ = Parse(raw) }},
		"parse 200 to NOTIFY": {2, func() { _, _ = Parse(ok) }},
		"validate":            {1, func() { Validate(req) }},
		"top Via":             {0, func() { req.TopVia() }},
		"build 200":           {2, func() { NewResponse(req, 200, "").Bytes() }},
	} {
		if n := testing.AllocsPerRun(200, c.f); n > c.most {
			t.Errorf("%s: %v allocations, at most %v", name, n, c.most)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := []byte(register)
	b.Run("lean", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Parse(raw)
		}
	})
	b.Run("full", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = parseFull(raw)
		}
	})
	b.Run("sipgo", func(b *testing.B) {
		p := sip.NewParser()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = p.ParseSIP(raw)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	m, _ := Parse([]byte(register))
	for b.Loop() {
		Validate(m)
	}
}

func BenchmarkBuild200(b *testing.B) {
	m, _ := Parse([]byte(register))
	b.ReportAllocs()
	for b.Loop() {
		NewResponse(m, 200, "").Bytes()
	}
}
