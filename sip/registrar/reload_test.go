package registrar_test

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sqlite"
)

// BenchmarkReload measures a start with 100,000 stored bindings on SQLite: read
// back, checked against the directory, told to the roster.
func BenchmarkReload(b *testing.B) {
	const phones = 100_000
	ctx := context.Background()
	dirName := b.TempDir()
	open := func() (*sqlite.Store, *directory.Directory, *roster.Roster) {
		st, err := sqlite.Open(ctx, sqlite.Options{Dir: dirName})
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
		return st, dir, ros
	}
	st, dir, ros := open()
	if err := dir.Apply(ctx, staff(b, phones)); err != nil {
		b.Fatal(err)
	}
	storeBindings(b, st, dir, phones)
	ros.Close()
	st.Close()

	// The first start is not measured: it is the one that changes what the roster
	// keeps of every agent.
	b.ResetTimer()
	for i := range b.N + 1 {
		b.StopTimer()
		st, dir, ros = open()
		tp := transport.New(transport.Options{})
		tx := transaction.New(transaction.Options{Transport: tp, Handler: transaction.HandlerFunc(func(*transaction.Request) {})})
		auth := digest.New(digest.Options{Directory: dir})
		if i > 0 {
			b.StartTimer()
		}
		reg, err := registrar.Open(ctx, registrar.Options{Store: st, Directory: dir, Roster: ros, Auth: auth, Transport: tp, Transactions: tx, Limits: registrar.Limits{QualifyRate: 1}})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		a := dir.Agents(dir.Domains()[0].ID)[phones-1]
		if got := reg.Bindings(a.ID); len(got) != 1 || !got[0].Restored {
			b.Fatalf("restored %+v", got)
		}
		if s, ok := ros.Snapshot(a.ID); !ok || len(s.Devices) == 0 {
			b.Fatal("the roster was not told")
		}
		reg.Close()
		tx.Close()
		tp.Close()
		ros.Close()
		st.Close()
	}
}

// staff are so many agents with a desk phone each.
func staff(b testing.TB, n int) directory.Edit {
	b.Helper()
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{domain}, Realm: domain}
	e := directory.Edit{Actor: "test", Cause: "config", Domains: []presence.Domain{dom}}
	for i := range n {
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: strconv.Itoa(i + 100000)}
		a.Settings.Options = presence.Options{Webphone: true, SIPPhone: true, Mobile: true}
		d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindDesk, Name: a.Number}
		ha1, err := digest.HA1(digest.MD5, a.Number, domain, "pw")
		if err != nil {
			b.Fatal(err)
		}
		e.Agents, e.Devices = append(e.Agents, a), append(e.Devices, d)
		e.Credentials = append(e.Credentials, presence.Credential{Domain: dom.ID, Device: d.ID, Username: a.Number, HA1: presence.HA1{MD5: ha1}})
		e.Assignments = append(e.Assignments, presence.Assignment{Device: d.ID, Agent: a.ID, From: time.Now().Add(-time.Hour)})
	}
	return e
}

// storeBindings writes a row for every phone, as a registrar would.
func storeBindings(b testing.TB, st *sqlite.Store, dir *directory.Directory, phones int) {
	b.Helper()
	dom := dir.Domains()[0]
	var batch []*registrar.Binding
	flush := func() {
		if err := registrar.StoreForTest(context.Background(), st, batch); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
	for i, a := range dir.Agents(dom.ID) {
		dev := dir.DevicesOf(a.ID, time.Now())[0]
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)
		contact := fmt.Sprintf("sip:%s@%s", a.Number, addr)
		batch = append(batch, &registrar.Binding{
			ID: presence.NewID().String(), Domain: dom.ID, Agent: a.ID, Device: dev.ID, AOR: a.AORs[0],
			Contact: contact, Head: "<" + contact + ">", Q: 1000, CallID: "3848276298220188511-" + a.Number, CSeq: 7,
			UserAgent: "Deskphone T46 66.86.0.15", Transport: "UDP", Source: addr, Since: time.Now(), Grant: time.Hour, Stored: time.Now().Add(2 * time.Hour),
		})
		if len(batch) == 5000 || i == phones-1 {
			flush()
		}
	}
}
