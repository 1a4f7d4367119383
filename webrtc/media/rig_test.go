package media

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lamplight/webrtc/iceport"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

func TestMain(m *testing.M) {
	if os.Getenv(clientsOf) != "" { // of a benchmark, in a process of their own
		if err := clients(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// tones that are far apart, and no multiples of each other.
const (
	pageTone  = 440
	phoneTone = 1000
)

var loopback = netip.MustParseAddr("127.0.0.1")

// nextPorts gives each gateway of the tests a range of its own.
var nextPorts = struct {
	sync.Mutex
	at uint16
}{at: 42000}

func options(t testing.TB, calls int) Options {
	t.Helper()
	port, err := iceport.Open(iceport.Options{Listen: "127.0.0.1:0", TCP: "127.0.0.1:0", Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := port.Close(); err != nil {
			t.Error(err)
		}
	})
	nextPorts.Lock()
	defer nextPorts.Unlock()
	first := nextPorts.at
	nextPorts.at += uint16(2 * calls)
	return Options{Port: port, Listen: loopback, Ports: [2]uint16{first, first + uint16(2*calls) - 1}}
}

func open(t testing.TB, o Options) *Gateway {
	t.Helper()
	g, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// call is one bridge with both of its sides.
type call struct {
	t      testing.TB
	bridge *Bridge
	page   *mediatest.Page
	phone  *mediatest.Phone

	mu     sync.Mutex
	events []Event // guarded by mu
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func newCall(t testing.TB, g *Gateway, page mediatest.PageOptions, phone mediatest.PhoneOptions, o BridgeOptions) *call {
	t.Helper()
	page.Hz, phone.Hz = pageTone, phoneTone
	c := &call{t: t}
	c.bridge = must[*Bridge](t)(g.Bridge(o))
	c.page = must[*mediatest.Page](t)(mediatest.NewPage(page))
	t.Cleanup(c.page.Close)
	c.phone = must[*mediatest.Phone](t)(mediatest.NewPhone(phone))
	t.Cleanup(c.phone.Close)
	var reader sync.WaitGroup
	reader.Go(func() {
		for e := range c.bridge.Events() {
			c.mu.Lock()
			c.events = append(c.events, e)
			c.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		if err := c.bridge.Close(); err != nil {
			t.Error(err)
		}
		reader.Wait()
	})
	return c
}

// fromPhone sets the call up as one that the phone makes.
func (c *call) fromPhone() {
	c.t.Helper()
	if again, err := c.bridge.PhoneOffer(c.phone.Offer(sdp.SendRecv)); err != nil || again {
		c.t.Fatal(again, err)
	}
	c.browserAgain(false)
	if err := c.phone.Accept(must[[]byte](c.t)(c.bridge.AnswerPhone())); err != nil {
		c.t.Fatal(err)
	}
	c.connected()
}

// fromPage sets the call up as one that the page makes.
func (c *call) fromPage() {
	c.t.Helper()
	if err := c.bridge.BrowserOffer(must[string](c.t)(c.page.Offer(within(c.t), false))); err != nil {
		c.t.Fatal(err)
	}
	c.phoneAgain()
	if err := c.page.Accept(must[string](c.t)(c.bridge.AnswerBrowser(within(c.t)))); err != nil {
		c.t.Fatal(err)
	}
	c.connected()
}

func (c *call) browserAgain(restart bool) {
	c.t.Helper()
	offer := must[string](c.t)(c.bridge.OfferBrowser(within(c.t), restart))
	if err := c.bridge.BrowserAnswer(must[string](c.t)(c.page.Answer(within(c.t), offer))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *call) phoneAgain() {
	c.t.Helper()
	answer := must[[]byte](c.t)(c.phone.Answer(must[[]byte](c.t)(c.bridge.OfferPhone())))
	if err := c.bridge.PhoneAnswer(answer); err != nil {
		c.t.Fatal(err)
	}
}

func (c *call) connected() {
	c.t.Helper()
	if err := c.page.Connected(within(c.t)); err != nil {
		c.t.Fatal(err)
	}
}

// eventually tries for some seconds.
func (c *call) eventually(what string, f func() error) {
	c.t.Helper()
	var err error
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	c.t.Fatalf("%s: %v", what, err)
}

// bothHear waits until each recognises the other's tone.
func (c *call) bothHear() {
	c.t.Helper()
	c.page.Ear.Forget()
	c.phone.Ear.Forget()
	c.eventually("the phone", func() error { return c.phone.Ear.Recognises(pageTone) })
	c.eventually("the page", func() error { return c.page.Ear.Recognises(phoneTone) })
}

// sound checks what an ear has heard: one source, nothing lost, doubled or leapt.
func (c *call) sound() {
	c.t.Helper()
	for who, e := range map[string]*mediatest.Ear{"page": c.page.Ear, "phone": c.phone.Ear} {
		if r := e.Report(); r.Sources != 1 || r.Lost != 0 || r.Doubled != 0 || r.Leaps != 0 || r.Packets == 0 {
			c.t.Errorf("the %s heard %+v", who, r)
		}
	}
}

func (c *call) happened() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// happens waits for an event.
func (c *call) happens(k Kind) Event {
	c.t.Helper()
	var found Event
	c.eventually(string(k), func() error {
		list := c.happened()
		i := slices.IndexFunc(list, func(e Event) bool { return e.Kind == k })
		if i < 0 {
			return errNotYet{list}
		}
		found = list[i]
		return nil
	})
	return found
}

type errNotYet struct{ events []Event }

func (e errNotYet) Error() string {
	var s []string
	for _, e := range e.events {
		s = append(s, string(e.Kind))
	}
	return "there was only " + strings.Join(s, " ")
}
