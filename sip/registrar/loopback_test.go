package registrar_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// callerEnv makes this test binary a load generator: a process of its own, so
// that the server's CPU time can be told from it. Its value is a callerTask.
const callerEnv = "LAMPLIGHT_REGISTER_CALLER"

// callerTask is what the generator is to do; callerResult what it says of it.
type (
	callerTask struct {
		To       string
		Sockets  int // each waits for its answer: a closed loop
		Phones   int
		Requests int // exchanges per socket that count
		Pair     bool
	}
	callerResult struct {
		Sent, Bad int
		Elapsed   time.Duration
		P50, P99  time.Duration
	}
)

// makeCalls is the generator's whole life: every phone registers, it says
// "ready", waits for a line, and sends.
func makeCalls(task string) int {
	var t callerTask
	if err := json.Unmarshal([]byte(task), &t); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var mu sync.Mutex
	var res callerResult
	var all []time.Duration
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(t.Sockets)
	for i := range t.Sockets {
		done.Go(func() {
			took, bad := callFrom(&t, i, &ready, start)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			res.Bad += bad
		})
	}
	ready.Wait()
	fmt.Println("ready")
	_, _ = fmt.Scanln()
	began := time.Now()
	close(start)
	done.Wait()
	res.Elapsed, res.Sent = time.Since(began), len(all)
	slices.Sort(all)
	if len(all) > 0 {
		res.P50, res.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	_ = json.NewEncoder(os.Stdout).Encode(res)
	return 0
}

// callFrom is one socket with its share of the phones.
func callFrom(t *callerTask, i int, ready *sync.WaitGroup, start <-chan struct{}) (took []time.Duration, bad int) {
	c, err := net.Dial("udp", t.To)
	if err != nil {
		ready.Done()
		return nil, t.Requests
	}
	defer c.Close()
	buf := make([]byte, 65536)
	exchange := func(m []byte) ([]byte, bool) {
		for range 8 {
			if _, err := c.Write(m); err != nil {
				return nil, false
			}
			_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			if n, err := c.Read(buf); err == nil {
				return buf[:n], true
			}
		}
		return nil, false
	}
	register := func(p *handset) bool {
		m, ok := exchange(p.register(""))
		if ok && bytes.HasPrefix(m, []byte("SIP/2.0 401")) && p.challenged(m) {
			m, ok = exchange(p.register(""))
		}
		return ok && bytes.HasPrefix(m, []byte("SIP/2.0 200"))
	}
	var phones []*handset
	for j := i; j < t.Phones; j += t.Sockets {
		p := newHandset(j, c.LocalAddr().(*net.UDPAddr).AddrPort())
		if !register(p) {
			bad++
		}
		phones = append(phones, p)
	}
	ready.Done()
	<-start
	for j := range t.Requests {
		p := phones[j%len(phones)]
		if t.Pair {
			p.nonce = ""
		}
		began := time.Now()
		if !register(p) {
			bad++
		}
		took = append(took, time.Since(began))
	}
	return took, bad
}

// cpu is the CPU time of this process so far.
func cpu(b testing.TB) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRegisterLoopback measures over real loopback UDP, the kernel's work
// included: cpu-µs/op is user and system time of the server's process. The load
// is a closed loop of 64 in another process.
func BenchmarkRegisterLoopback(b *testing.B) {
	for name, pair := range map[string]bool{"refresh": false, "challenged": true} {
		b.Run(name, func(b *testing.B) {
			pc := listenLoopback(b)
			newHall(b, 1000, pc)
			task := callerTask{To: pc.LocalAddr().String(), Sockets: 64, Phones: 1000, Requests: (b.N + 63) / 64, Pair: pair}
			raw, err := json.Marshal(task)
			if err != nil {
				b.Fatal(err)
			}
			cmd := exec.CommandContext(b.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), callerEnv+"="+string(raw))
			cmd.Stderr = os.Stderr
			in, err := cmd.StdinPipe()
			if err != nil {
				b.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err = cmd.Start(); err != nil {
				b.Fatal(err)
			}
			var word string
			if _, err = fmt.Fscanln(out, &word); err != nil || word != "ready" {
				b.Fatalf("generator: %q, %v", word, err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			if _, err = fmt.Fprintln(in, "go"); err != nil {
				b.Fatal(err)
			}
			var res callerResult
			if err = json.NewDecoder(out).Decode(&res); err != nil {
				b.Fatal(err)
			}
			spent := cpu(b) - before
			b.StopTimer()
			if err = cmd.Wait(); err != nil || res.Bad > 0 || res.Sent == 0 {
				b.Fatalf("generator: %+v, %v", res, err)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/1e3/float64(res.Sent), "cpu-µs/op")
			b.ReportMetric(float64(res.Sent)/res.Elapsed.Seconds(), "op/s")
			b.ReportMetric(float64(res.P99.Microseconds())/1e3, "p99-ms")
		})
	}
}

// listenLoopback opens a port of 41500 to 41599.
func listenLoopback(b testing.TB) net.PacketConn {
	b.Helper()
	for port := 41500; port < 41600; port++ {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
		if pc, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr)); err == nil {
			_ = pc.SetReadBuffer(4 << 20)
			return pc
		}
	}
	b.Fatal("no free port from 41500 to " + strconv.Itoa(41599))
	return nil
}
