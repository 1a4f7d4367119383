package notifier

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/sip/events/dialoginfo"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store"
	"lamplight/store/sim"
	"lamplight/store/sqlite"
)

// watcherEnv makes the test binary a watcher: a process of its own that answers
// NOTIFYs, so that the benchmark's CPU is the server's alone.
const watcherEnv = "LAMPLIGHT_BENCH_WATCHER"

func TestMain(m *testing.M) {
	if os.Getenv(watcherEnv) != "" {
		beWatcher()
		return
	}
	os.Exit(m.Run())
}

// beWatcher answers 200 to whatever comes, by copying the headers of the dialog.
func beWatcher() {
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	pc.SetReadBuffer(8 << 20)
	fmt.Println(pc.LocalAddr())
	go func() { // the parent's end is ours
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	buf, out := make([]byte, 65536), make([]byte, 0, 2048)
	for {
		n, from, err := pc.ReadFromUDPAddrPort(buf)
		if err != nil {
			os.Exit(1)
		}
		out = append(out[:0], "SIP/2.0 200 OK\r\n"...)
		head, _, _ := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:"} {
				if bytes.HasPrefix(line, []byte(name)) {
					out = append(append(out, line...), "\r\n"...)
				}
			}
		}
		out = append(out, "Content-Length: 0\r\n\r\n"...)
		pc.WriteToUDPAddrPort(out, from)
	}
}

var lampTypes = []string{dialoginfo.ContentType}

// lampPackage renders real dialog-info.
type lampPackage struct{}

func (lampPackage) Name() string    { return "dialog" }
func (lampPackage) Types() []string { return lampTypes }
func (lampPackage) Bare() bool      { return true }
func (lampPackage) Listable()       {}
func (lampPackage) Append(dst []byte, s *presence.Snapshot, v View) ([]byte, int) {
	start := len(dst)
	doc, at := dialoginfo.Append(dst, s, dialoginfo.View{Entity: v.Entity})
	return doc, at - start
}

// counting tells when so many NOTIFYs have left.
type counting struct {
	Transactions
	left atomic.Int64
	none chan struct{}
}

func (c *counting) SendRaw(f *transport.Flow, branch string, raw []byte, done func(*message.Message, error)) {
	c.Transactions.SendRaw(f, branch, raw, done)
	if c.left.Add(-1) == 0 {
		c.none <- struct{}{}
	}
}

// bench is a notifier over loopback with watchers in another process.
type bench struct {
	n      *Notifier
	sends  *counting
	roster *fakeRoster
	rig    *rig
	to     netip.AddrPort
	agents []presence.AgentID
	subs   []*subscription
}

func newBench(b *testing.B, presentities, watchers int) *bench {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), watcherEnv+"=1")
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	to := netip.MustParseAddrPort(strings.TrimSpace(line))

	r := &rig{t: b, store: sim.New(sim.Options{}), agents: map[string]presence.AgentID{}}
	b.Cleanup(func() { r.store.Close() })
	r.roster = &fakeRoster{boot: 1, snaps: map[presence.AgentID]*presence.Snapshot{}}
	r.openDirectory()
	if r.lists, err = lists.Open(context.Background(), lists.Options{Store: r.store, Directory: r.dir}); err != nil {
		b.Fatal(err)
	}
	tl := transport.New(transport.Options{})
	xl := transaction.New(transaction.Options{Transport: tl, Handler: transaction.HandlerFunc(func(*transaction.Request) {})})
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	pc.SetReadBuffer(8 << 20)
	var serve sync.WaitGroup
	serve.Go(func() { tl.ServePacket(context.Background(), pc) })
	sends := &counting{Transactions: xl, none: make(chan struct{}, 1)}
	n, err := Open(context.Background(), Options{Store: r.store, Directory: r.dir, Roster: r.roster, Auth: &fakeAuth{r},
		Transactions: sends, Flows: tl, Packages: []Package{lampPackage{}}, Lists: r.lists}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { n.Close(); xl.Close(); tl.Close(); serve.Wait() })
	x := &bench{n: n, sends: sends, roster: r.roster, rig: r, to: to}
	x.fill(presentities, watchers, to)
	x.settle()
	return x
}

// fill adds subscriptions as a restart would.
func (x *bench) fill(presentities, watchers int, to netip.AddrPort) {
	now := stampOf(time.Now())
	for i := range presentities {
		a := presence.AgentID{ID: presence.NewID()}
		x.agents = append(x.agents, a)
		x.roster.mu.Lock()
		x.roster.snaps[a] = x.snapshot(a, 0)
		x.roster.mu.Unlock()
		for j := range watchers {
			s := &subscription{entity: fmt.Sprintf("sip:%d@demo.lamplight.test", 1000+i), tag: uint64(len(x.subs) + 1), bare: true,
				remote: to, until: now + 3600, stored: now + 7200, period: 3600, boot: 1}
			s.setHead(&dialog{target: fmt.Sprintf("sip:%d@%s", 2000+j, to), callID: fmt.Sprintf("%012x@192.0.2.17", len(x.subs)), event: "dialog",
				local:  fmt.Sprintf("<%s>;tag=%s", s.entity, tagText(s.tag)),
				remote: fmt.Sprintf(`"Agent %d" <sip:%d@demo.lamplight.test>;tag=8f7a6b5c4d`, j, 2000+j), remoteTag: "8f7a6b5c4d"})
			s.startNumbers(1)
			x.n.restore(s, a, now)
			x.subs = append(x.subs, s)
		}
		x.n.mark(x.n.people.find(a))
	}
}

func (x *bench) snapshot(a presence.AgentID, n uint64) *presence.Snapshot {
	s := &presence.Snapshot{Agent: a, Name: "Ann Example", Version: n + 1}
	s.Watch.Dialogs = []presence.DialogState{{ID: "pub-0123456789abcdef", State: []string{"early", "confirmed"}[n%2], Direction: "recipient",
		CallID: fmt.Sprintf("%d-a84b4c76e66710@pbx.example.com", n), LocalTag: "a6c85cf", RemoteTag: "1928301774", Remote: "sip:+4930123456@pbx.example.com", Name: "Bob"}}
	return s
}

// change gives every presentity a new state.
func (x *bench) change(n uint64) {
	for _, a := range x.agents {
		s := x.snapshot(a, n)
		x.roster.mu.Lock()
		x.roster.snaps[a] = s
		w := x.roster.watch
		x.roster.mu.Unlock()
		w(s)
	}
}

// settle waits until every NOTIFY is answered.
func (x *bench) settle() {
	for x.n.queue.Depth() > 0 { // without spinning: its CPU would be counted
		time.Sleep(200 * time.Microsecond)
	}
	for _, s := range x.subs {
		for {
			s.pres.mu.Lock()
			done := s.inflight == 0 && !s.owed
			s.pres.mu.Unlock()
			if done {
				break
			}
			time.Sleep(200 * time.Microsecond)
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkNotify is one NOTIFY with its 200 over loopback UDP: cpu-µs is user
// and system time of this process.
func BenchmarkNotify(b *testing.B) {
	for _, c := range []struct{ presentities, watchers int }{{64, 1}, {64, 10}, {1, 1000}} {
		b.Run(fmt.Sprintf("watchers=%d", c.watchers), func(b *testing.B) {
			x := newBench(b, c.presentities, c.watchers)
			each := c.presentities * c.watchers
			rounds := (b.N + each - 1) / each
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu()
			for i := range rounds {
				x.change(uint64(i + 1))
				x.settle()
			}
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(rounds*each), "cpu-µs/notify")
			b.ReportMetric(float64(rounds*each)/b.Elapsed().Seconds(), "notify/s")
		})
	}
}

// BenchmarkChange is one change of state until its last NOTIFY has left.
func BenchmarkChange(b *testing.B) {
	for _, watchers := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("watchers=%d", watchers), func(b *testing.B) {
			x := newBench(b, 1, watchers)
			var left time.Duration
			b.ResetTimer()
			for i := range b.N {
				x.sends.left.Store(int64(watchers))
				start := time.Now()
				x.change(uint64(i + 1))
				<-x.sends.none
				left += time.Since(start)
				x.settle()
			}
			b.ReportMetric(float64(left.Microseconds())/float64(b.N), "µs-to-last")
		})
	}
}

// BenchmarkReload is the reading of 300,000 stored subscriptions from SQLite at
// start.
func BenchmarkReload(b *testing.B) {
	const count = 300_000
	of := &Notifier{packages: []Package{lampPackage{}}, boot: 1}
	dir := b.TempDir()
	fill(b, dir, records(of, count))
	for b.Loop() {
		b.StopTimer()
		st, err := sqlite.Open(b.Context(), sqlite.Options{Dir: dir, PurgeEvery: -1})
		if err != nil {
			b.Fatal(err)
		}
		n := emptyLike(of)
		n.store = st
		if n.directory, err = directory.Open(b.Context(), st); err != nil {
			b.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		start := time.Now()
		watched, err := n.reload(b.Context())
		b.ReportMetric(time.Since(start).Seconds(), "s/300k")
		b.StopTimer()
		if err != nil || len(watched) != count/10 {
			b.Fatalf("%d presentities, %v", len(watched), err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/count, "B/subscription")
		runtime.KeepAlive(n)
		st.Close()
		b.StartTimer()
	}
}

// fill stores the rows.
func fill(b *testing.B, dir string, recs []store.Record) {
	b.Helper()
	st, err := sqlite.Open(b.Context(), sqlite.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	for part := range slices.Chunk(recs, 1000) {
		var batch store.Batch
		for _, r := range part {
			batch.Writes = append(batch.Writes, store.Put(r))
		}
		if err := st.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
