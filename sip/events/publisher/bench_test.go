package publisher

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/resolve"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sqlite"
)

// upstreamEnv makes the test binary an upstream: a process of its own that takes
// every PUBLISH, so that the benchmark's CPU is ours alone.
const upstreamEnv = "LAMPLIGHT_BENCH_UPSTREAM"

// beUpstream answers 200 with a new tag to whatever comes, by copying headers.
func beUpstream() {
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = pc.SetReadBuffer(8 << 20)
	fmt.Println(pc.LocalAddr())
	go func() { // the parent's end is ours
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	buf, out, tag := make([]byte, 65536), make([]byte, 0, 2048), uint64(0)
	for {
		n, from, err := pc.ReadFromUDPAddrPort(buf)
		if err != nil {
			os.Exit(1)
		}
		out = append(out[:0], "SIP/2.0 200 OK\r\n"...)
		head, _, _ := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:", "Expires:"} {
				if bytes.HasPrefix(line, []byte(name)) {
					out = append(append(out, line...), "\r\n"...)
				}
			}
		}
		tag++
		out = strconv.AppendUint(append(out, "SIP-ETag: t"...), tag, 10)
		out = append(out, "\r\nContent-Length: 0\r\n\r\n"...)
		_, _ = pc.WriteToUDPAddrPort(out, from)
	}
}

// startUpstream starts that process and returns its address.
func startUpstream(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), upstreamEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(addr)
}

// BenchmarkStart tells an upstream of 10,000 agents after a start of ours, as
// fast as it takes it: their statuses, and a call of one in ten. Tags go to
// SQLite.
func BenchmarkStart(b *testing.B) {
	const agents, calls = 10_000, 1_000
	addr := startUpstream(b)
	st, err := sqlite.Open(b.Context(), sqlite.Options{Dir: b.TempDir(), Log: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	dir, err := directory.Open(b.Context(), st)
	if err != nil {
		b.Fatal(err)
	}
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"ex.test"}, Realm: "ex.test"}
	e := directory.Edit{Actor: "test", Domains: []presence.Domain{dom}}
	roster := &fakeRoster{snaps: map[presence.AgentID]*presence.Snapshot{}}
	for i := range agents {
		n := strconv.Itoa(10000 + i)
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: n, Name: "Agent " + n, AORs: []string{n + "@ex.test"}}
		e.Agents = append(e.Agents, a)
		s := &presence.Snapshot{Domain: dom.ID, Agent: a.ID, AOR: a.AORs[0], Number: n, Name: a.Name}
		s.Watch.Open, s.Watch.Note = true, "Available"
		if i < calls {
			s.Watch.Note, s.Watch.Activity = "On a Call", "on-the-phone"
			s.Watch.Dialogs = []presence.DialogState{{ID: "d" + n, State: "confirmed", CallID: "c" + n, LocalTag: "l", RemoteTag: "r", Direction: "recipient", Remote: "sip:+390612345@carrier.test"}}
		}
		roster.snaps[a.ID] = s
	}
	if err := dir.Apply(context.Background(), e); err != nil {
		b.Fatal(err)
	}
	tl := transport.New(transport.Options{})
	xl := transaction.New(transaction.Options{Transport: tl, Handler: transaction.HandlerFunc(func(q *transaction.Request) { q.Reply(405) })})
	pcs, err := transport.ListenUDP(b.Context(), "127.0.0.1:0", 1)
	if err != nil {
		b.Fatal(err)
	}
	var serve sync.WaitGroup
	serve.Go(func() { _ = tl.ServePacket(context.Background(), pcs[0]) })
	defer func() {
		tl.Close()
		xl.Close()
		serve.Wait()
	}()
	conf := Upstream{Name: "up", Rate: 1_000_000}
	if conf.Server, err = resolve.ParseServer("udp", addr); err != nil {
		b.Fatal(err)
	}
	starts, before := 0, cpu()
	b.ResetTimer()
	for b.Loop() {
		roster.boot++
		starts++
		p, err := Open(b.Context(), Options{Store: st, Directory: dir, Roster: roster, Transactions: xl, Flows: tl, Upstreams: []Upstream{conf}})
		if err != nil {
			b.Fatal(err)
		}
		for {
			if i := p.Upstreams()[0]; i.Waiting == 0 && i.InFlight == 0 && i.Publications == agents+calls {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	each := float64(starts) * (agents + calls)
	b.ReportMetric(each/b.Elapsed().Seconds(), "PUBLISH/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/each, "CPU-µs/PUBLISH")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
