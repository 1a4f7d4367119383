package media

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/rtp"
)

const (
	clientsOf = "LAMPLIGHT_BENCH_CALLS"
	calls     = 100
	settle    = 2 * time.Second
	measured  = 10 * time.Second
)

// ask is what the clients tell the gateway of one call, and the other way round.
type ask struct {
	Page, Phone string
	Done        *figures // all calls are measured
	Begin, End  bool     // of what is measured
}

// figures are what the clients saw.
type figures struct {
	Packets, Lost uint64
	P50, P99, Max time.Duration
}

// BenchmarkBridges holds 100 calls between pages and phones that run in a process
// of their own, and reports what a call costs the gateway and how late and how
// complete the audio is, from the sender's clock to the receiver's: the clients'
// own part in it included.
func BenchmarkBridges(b *testing.B) {
	for b.Loop() {
		o := options(b, calls+10)
		g := open(b, o)
		toClients, fromGateway := pipe(b)
		toGateway, fromClients := pipe(b)
		cmd := exec.Command(os.Args[0], "-test.run", "^$")
		cmd.Env = append(os.Environ(), clientsOf+"="+strconv.Itoa(calls))
		cmd.ExtraFiles, cmd.Stderr = []*os.File{toClients, fromClients}, os.Stderr
		before, rss := heap(), resident()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		in, out := json.NewDecoder(toGateway), json.NewEncoder(fromGateway)
		var bridges []*Bridge
		for range calls {
			bridges = append(bridges, bridged(b, g, in, out))
		}
		var m ask
		next := func() {
			if m = (ask{}); in.Decode(&m) != nil {
				b.Fatal("the clients are gone")
			}
		}
		next() // begin
		used, start := cpu(), time.Now()
		next() // end
		share := float64(cpu()-used) / float64(time.Since(start))
		b.ReportMetric(float64(heap()-before)/calls/1024, "heap-kB/call")
		b.ReportMetric(float64(resident()-rss)/calls, "rss-kB/call")
		b.ReportMetric(float64(runtime.NumGoroutine())/calls, "goroutines/call")
		b.ReportMetric(share*100/calls, "%core/call")
		next() // figures
		f := m.Done
		var lost uint64
		for _, x := range bridges {
			q := x.Quality()
			lost += q[Browser].Lost + q[Phone].Lost
			_ = x.Close()
		}
		b.ReportMetric(float64(f.P50.Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(f.P99.Microseconds())/1000, "p99-ms")
		b.ReportMetric(float64(f.Max.Microseconds())/1000, "max-ms")
		b.ReportMetric(float64(f.Lost+lost), "lost")
		b.ReportMetric(float64(f.Packets), "packets")
		// A call in which nothing comes loses nothing.
		if whole := uint64(2 * calls * 50 * measured / time.Second); f.Packets < whole*9/10 {
			b.Errorf("%d packets of %d", f.Packets, whole)
		}
		_ = out.Encode(ask{})
		_ = cmd.Wait()
		_ = g.Close()
	}
}

// bridged sets up one call with the clients.
func bridged(b *testing.B, g *Gateway, in *json.Decoder, out *json.Encoder) *Bridge {
	var m ask
	x := must[*Bridge](b)(g.Bridge(BridgeOptions{}))
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(in.Decode(&m))
	check(x.BrowserOffer(m.Page))
	check(out.Encode(ask{Phone: string(must[[]byte](b)(x.OfferPhone()))}))
	check(in.Decode(&m))
	check(x.PhoneAnswer([]byte(m.Phone)))
	check(out.Encode(ask{Page: must[string](b)(x.AnswerBrowser(context.Background()))}))
	return x
}

func pipe(b *testing.B) (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// clients are the pages and phones; they run in the process the benchmark started.
func clients() error {
	n, err := strconv.Atoi(os.Getenv(clientsOf))
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(os.NewFile(3, "in")), json.NewEncoder(os.NewFile(4, "out"))
	d := &delays{}
	type pair struct {
		page  *mediatest.Page
		phone *mediatest.Phone
	}
	var all []pair
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for range n {
		page, err := mediatest.NewPage(mediatest.PageOptions{Codecs: mediatest.Chrome()[2:3], Stamp: true, OnPacket: d.note})
		if err != nil {
			return err
		}
		phone, err := mediatest.NewPhone(mediatest.PhoneOptions{Stamp: true, OnPacket: d.note})
		if err != nil {
			return err
		}
		if err := call1(ctx, page, phone, in, out); err != nil {
			return err
		}
		all = append(all, pair{page, phone})
	}
	for _, p := range all {
		if err := p.page.Connected(ctx); err != nil {
			return err
		}
	}
	time.Sleep(settle)
	if err := out.Encode(ask{Begin: true}); err != nil {
		return err
	}
	d.on.Store(true)
	time.Sleep(measured)
	d.on.Store(false)
	if err := out.Encode(ask{End: true}); err != nil {
		return err
	}
	f := d.figures()
	for _, p := range all {
		f.Lost += p.page.Ear.Report().Lost + p.phone.Ear.Report().Lost
	}
	if err := out.Encode(ask{Done: f}); err != nil {
		return err
	}
	var hangUp ask
	_ = in.Decode(&hangUp)
	for _, p := range all {
		p.phone.Close()
		p.page.Close()
	}
	return nil
}

func call1(ctx context.Context, page *mediatest.Page, phone *mediatest.Phone, in *json.Decoder, out *json.Encoder) error {
	offer, err := page.Offer(ctx, false)
	if err != nil {
		return err
	}
	if err := out.Encode(ask{Page: offer}); err != nil {
		return err
	}
	var m ask
	if err := in.Decode(&m); err != nil {
		return err
	}
	answer, err := phone.Answer([]byte(m.Phone))
	if err != nil {
		return err
	}
	if err := out.Encode(ask{Phone: string(answer)}); err != nil {
		return err
	}
	if err := in.Decode(&m); err != nil {
		return err
	}
	return page.Accept(m.Page)
}

// delays of the packets while it is on.
type delays struct {
	on  atomic.Bool
	mu  sync.Mutex
	all []time.Duration // guarded by mu
}

func (d *delays) note(p *rtp.Packet) {
	if !d.on.Load() {
		return
	}
	if late, ok := mediatest.Delay(p); ok {
		d.mu.Lock()
		d.all = append(d.all, late)
		d.mu.Unlock()
	}
}

func (d *delays) figures() *figures {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.all)
	n := len(d.all)
	if n == 0 {
		return &figures{}
	}
	return &figures{Packets: uint64(n), P50: d.all[n/2], P99: d.all[n*99/100], Max: d.all[n-1]}
}

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// resident memory in kB.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	var kb int64
	_, _ = fmt.Sscan(rest, &kb)
	return kb
}
