package streams

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

// locked is a log that is read while it is written.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) lines() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.b.Bytes(), []byte("\n"))
}

// Who has requests under way ends them himself.
func TestWhatIsOpenOutlivesTheListener(t *testing.T) {
	l := echo(t, Options{Outlive: true})
	c := dial(t, l, "127.0.0.1")
	if !served(c) {
		t.Fatal("not served")
	}
	_ = l.Close()
	if !served(c) || l.Open() != 1 {
		t.Errorf("it ended with the listener; %d are open", l.Open())
	}
	_ = c.Close()
	await(t, "its place is not given back", func() bool { return l.Open() == 0 })
}

func TestAnAddressOfEverybodyIsBoundByWhatAllMayHave(t *testing.T) {
	proxy := netip.MustParseAddr("127.0.0.3")
	l := echo(t, Options{All: 3, PerAddr: 1, Exempt: func(a netip.Addr) bool { return a == proxy }})
	for i, want := range []bool{true, true, true, false} {
		if got := served(dial(t, l, "127.0.0.3")); got != want {
			t.Errorf("connection %d: served %v, want %v", i+1, got, want)
		}
	}
}

func TestManyRefusalsAreOneLineInTheLog(t *testing.T) {
	log := &locked{}
	l := echo(t, Options{PerAddr: 1, Log: zerolog.New(log)})
	var open []net.Conn
	for range 20 {
		open = append(open, dial(t, l, "127.0.0.1"))
	}
	await(t, "not all of them were counted", func() bool { return l.Refused() == 19 })
	if !served(open[0]) || log.lines() != 1 {
		t.Errorf("%d lines:\n%s", log.lines(), log.b.String())
	}
}
