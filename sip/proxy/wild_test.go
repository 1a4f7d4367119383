package proxy_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// TestWildCalls plays random calls to random phones over a network that loses,
// doubles and reorders, and looks whether every caller got exactly one final
// response, whether everybody who answered was connected or sent a BYE, and
// whether anything is left.
//
// WILD_CALLS is how many (a long run takes a million), WILD_SEED repeats one: it
// is printed with every failure.
func TestWildCalls(t *testing.T) {
	calls, seed := 600, uint64(time.Now().UnixNano())
	if v, err := strconv.Atoi(os.Getenv("WILD_CALLS")); err == nil {
		calls = v
	}
	one := false
	if v, err := strconv.ParseUint(os.Getenv("WILD_SEED"), 10, 64); err == nil {
		seed, one = v, true
	}
	var all wildCount
	for done := 0; done < calls && !t.Failed(); seed++ {
		n := 0
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { n = wildRound(t, seed, &all) })
		}) {
			t.Logf("repeat by WILD_SEED=%d go test ./sip/proxy -run TestWildCalls", seed)
		}
		done += n
		if one {
			break
		}
	}
	t.Logf("%d calls, %d answered by a phone, %d connected; of %d datagrams %d lost, %d doubled", all.calls, all.answered, all.connected, all.net.Sent, all.net.Lost, all.net.Duplicated)
}

type wildCount struct {
	calls, answered, connected int
	net                        siptest.Stats
}

// wildRound is a server with a few phones and callers, for some minutes.
func wildRound(t *testing.T, seed uint64, all *wildCount) (calls int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newSwitchboard(t)
	var robots []*robot
	for i, number := range []string{"1001", "1001", "1001", "1002", "1002"} {
		addr := fmt.Sprintf("10.0.0.%d:5060", 21+i)
		s.phone(number, addr, false).Close()
		synctest.Wait()
		r := newRobot(s.net, addr, "sip:"+number+"@demo.test", rng.Uint64(), t.Errorf)
		r.secret = answers401(number)
		robots = append(robots, r)
	}
	callers := robots
	for i := range 4 {
		r := newRobot(s.net, fmt.Sprintf("10.0.0.9:%d", 5060+i), outside, rng.Uint64(), t.Errorf)
		robots, callers = append(robots, r), append(callers, r)
	}
	s.net.SetFaults(siptest.Faults{
		Seed: seed, Duplicate: 0.1 * rng.Float64(), Reorder: 0.2 * rng.Float64(), ReorderBy: time.Duration(rng.IntN(300)) * time.Millisecond,
		Delay: time.Duration(rng.IntN(40)) * time.Millisecond, Jitter: 30 * time.Millisecond,
		Drop: (&lossy{seed: seed, loss: 0.05 + 0.15*rng.Float64(), row: make(map[uint64]int)}).drop,
	})
	before := s.net.Stats()
	for range 10 + rng.IntN(15) {
		calls++
		from := callers[rng.IntN(len(callers))]
		uri := "sip:1001@demo.test"
		if rng.IntN(3) == 0 {
			uri = "sip:1002@demo.test"
		}
		from.call(uri, message.Header{Name: message.CallKind, Value: "regular"})
		time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Second))))
	}
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	for _, r := range robots {
		answered, connected := r.check()
		all.answered += answered
		all.connected += connected
		r.port.Close()
	}
	after := s.net.Stats()
	all.calls += calls
	all.net.Sent += after.Sent - before.Sent
	all.net.Lost += after.Lost - before.Lost
	all.net.Duplicated += after.Duplicated - before.Duplicated
	s.net.SetFaults(siptest.Faults{})
	(&raceTrack{switchboard: s, lost: &losses{}}).nothingLeft()
	return calls
}

// answers401 is the password of a device.
func answers401(number string) func(res *message.Message, method, uri string) (message.Name, string) {
	return func(res *message.Message, method, uri string) (message.Name, string) {
		for _, v := range res.Values(message.WWWAuthenticate) {
			c, err := digest.ParseChallenge(v)
			if err != nil {
				continue
			}
			if cred, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Username: number, Password: "pw", Count: 1}); err == nil {
				return message.Authorization, cred.String()
			}
		}
		return message.Authorization, "none"
	}
}

// lossy loses by chance, but never the same message on the same way more than
// twice in a row: then every timer that sends again does its work in time, and what
// fails to arrive is somebody's fault. (Three INVITEs and three 100s lost leave a
// phone that answers after Timer B, whose 200 nobody knows any more: RFC 6026 §7.2.)
type lossy struct {
	seed uint64
	loss float64

	mu  sync.Mutex
	row map[uint64]int // guarded by mu
}

const mostInARow = 2

func (l *lossy) drop(from, to netip.AddrPort, b []byte) bool {
	m, err := message.Parse(b)
	if err != nil {
		return false
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, from, to, m.Method, m.Status, m.Get(message.CSeq), m.CallID())
	k := h.Sum64()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row[k]++
	if l.row[k]%(mostInARow+1) == 0 {
		return false
	}
	rng := rand.New(rand.NewPCG(l.seed, k+uint64(l.row[k])))
	return rng.Float64() < l.loss
}
