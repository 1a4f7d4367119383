package registrar_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sqlite"
)

// answering is a packet connection behind which every phone answers OPTIONS.
type answering struct {
	*belt
	answers atomic.Int64
}

func (c *answering) WriteTo(b []byte, to net.Addr) (int, error) {
	head, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok || !bytes.HasPrefix(head, []byte("OPTIONS ")) {
		return len(b), nil
	}
	answer := make([]byte, 0, 640)
	answer = append(answer, "SIP/2.0 200 OK\r\n"...)
	for line := range bytes.SplitSeq(rest, []byte("\r\n")) {
		switch {
		case bytes.HasPrefix(line, []byte("To:")):
			answer = append(append(answer, line...), ";tag=8a7f\r\n"...)
		case bytes.HasPrefix(line, []byte("Via:")), bytes.HasPrefix(line, []byte("From:")), bytes.HasPrefix(line, []byte("Call-ID:")), bytes.HasPrefix(line, []byte("CSeq:")):
			answer = append(append(answer, line...), "\r\n"...)
		}
	}
	answer = append(answer, "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, OPTIONS, UPDATE, PRACK\r\nAccept: application/sdp\r\nSupported: replaces, 100rel\r\nUser-Agent: Deskphone T46 66.86.0.15\r\nContent-Length: 0\r\n\r\n"...)
	from, _ := to.(*net.UDPAddr)
	c.in <- packet{answer, from}
	c.answers.Add(1)
	return len(b), nil
}

// BenchmarkQualify measures a question to one of 100,000 phones and its answer,
// from the clock to the binding, without the kernel; the phone's side, which is
// small, included. clock-B is the memory that being asked costs a binding; it has
// no fields of its own for that. At 30 s, 100,000 phones are 3,333 questions a second.
func BenchmarkQualify(b *testing.B) {
	const phones = 100_000
	ctx := context.Background()
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	dir, err := directory.Open(ctx, st)
	if err != nil {
		b.Fatal(err)
	}
	ros, err := roster.Open(ctx, roster.Options{Store: st, Directory: dir})
	if err != nil {
		b.Fatal(err)
	}
	if err := dir.Apply(ctx, staff(b, phones)); err != nil {
		b.Fatal(err)
	}
	storeBindings(b, st, dir, phones)
	pc := &answering{belt: newBelt()}
	var reg *registrar.Registrar
	tp := transport.New(transport.Options{OnFlowClosed: func(f *transport.Flow) { reg.FlowClosed(f) }})
	tx := transaction.New(transaction.Options{Transport: tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) { reg.ServeSIP(r) })})
	var serving sync.WaitGroup
	serving.Go(func() { _ = tp.ServePacket(ctx, pc) })
	await(b, func() bool { // it serves once it gives flows
		_, err := tp.Flow(ctx, transport.UDP, netip.MustParseAddrPort("10.0.0.9:5060"))
		return err == nil
	})
	reg, err = registrar.Open(ctx, registrar.Options{
		Store: st, Directory: dir, Roster: ros, Auth: digest.New(digest.Options{Directory: dir}), Transport: tp, Transactions: tx,
		Limits: registrar.Limits{Qualify: registrar.QualifyAll, QualifyRate: 1},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		tp.Close()
		serving.Wait()
		tx.Close()
		reg.Close()
		ros.Close()
		st.Close()
	})
	reg.RateForTest(1 << 30)
	await(b, func() bool { return reg.AnsweredForTest() == phones }) // those that the restart restored

	b.Run("100,000 phones", func(b *testing.B) {
		b.ReportAllocs()
		used := cpu(b)
		for done := 0; done < b.N; {
			n := min(b.N-done, phones)
			want := pc.answers.Load() + int64(n)
			reg.AskForTest(n)
			await(b, func() bool { return pc.answers.Load() >= want })
			done += n
		}
		await(b, func() bool { return len(pc.in) == 0 })
		b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
		b.ReportMetric(float64(reg.ClockForTest())/phones, "clock-B")
	})
}

func await(b testing.TB, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("not within two minutes")
		}
	}
}
