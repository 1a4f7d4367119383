package digest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/icholy/digest"

	"lamplight/presence"
)

func TestNonceSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, key := newUsers(t), []byte("a key that the wiring keeps")
		a := testAuthority(t, u, Options{Key: key})
		c := challengeFor(t, a)[0]
		for n := 1; n <= 3; n++ {
			if v := a.Verify(register(answer(t, c, "1001", "demo-1001", n)), src()); v.Status != 0 {
				t.Fatalf("count %d: %+v", n, v)
			}
		}
		time.Sleep(time.Minute)
		a = testAuthority(t, u, Options{Key: key})
		for i, step := range []struct {
			count int
			ok    bool
		}{{4, true}, {3, false}, {4, false}, {1, false}, {5, true}} {
			if v := a.Verify(register(answer(t, c, "1001", "demo-1001", step.count)), src()); (v.Status == 0) != step.ok {
				t.Fatalf("after the restart, step %d, count %d: %+v", i, step.count, v)
			}
		}
		// Another key is another server: stale, because the password was proved.
		a = testAuthority(t, u, Options{Key: []byte("another")})
		v := a.Verify(register(answer(t, c, "1001", "demo-1001", 9)), src())
		if v.Status != 401 || !strings.Contains(v.Challenges[0].Value, "stale=true") {
			t.Fatalf("another key: %+v", v)
		}
	})
}

func TestNonceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testAuthority(t, newUsers(t), Options{NonceLife: time.Hour})
		c := challengeFor(t, a)[0]
		time.Sleep(time.Hour - time.Second)
		if v := a.Verify(register(answer(t, c, "1001", "demo-1001", 1)), src()); v.Status != 0 {
			t.Fatalf("before its end: %+v", v)
		}
		time.Sleep(time.Second)
		v := a.Verify(register(answer(t, c, "1001", "demo-1001", 2)), src())
		if v.Status != 401 || !strings.Contains(v.Challenges[0].Value, "stale=true") {
			t.Fatalf("at its end: %+v", v)
		}
		if v = a.Verify(register(answer(t, challenges(t, v)[0], "1001", "demo-1001", 1)), src()); v.Status != 0 {
			t.Fatalf("with the new one: %+v", v)
		}
	})
}

func TestNonceBelongsToItsDomain(t *testing.T) {
	n := newNonces([]byte("k"))
	d1, d2 := presence.DomainID{ID: presence.NewID()}, presence.DomainID{ID: presence.NewID()}
	text := n.make(d1, time.Now())
	if len(text) != nonceText {
		t.Fatalf("length %d", len(text))
	}
	if _, ok := n.open(text, d1); !ok {
		t.Error("own domain refused")
	}
	if _, ok := n.open(text, d2); ok {
		t.Error("other domain accepted")
	}
	for i := range text {
		b := []byte(text)
		b[i] ^= 1
		if _, ok := n.open(string(b), d1); ok {
			t.Errorf("accepted with character %d changed", i)
		}
	}
	for _, bad := range []string{"", "x", text[:nonceText-1], text + "A", strings.Repeat("\n", nonceText)} {
		if _, ok := n.open(bad, d1); ok {
			t.Errorf("accepted %q", bad)
		}
	}
}

// However many nonces are used, memory keeps its bound and no count passes
// twice.
func TestWindowsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const room = 64
		n := newNonces([]byte("k"))
		w := newWindows(room, time.Hour, time.Now())
		dom := presence.DomainID{ID: presence.NewID()}
		time.Sleep(time.Second)
		ids := make([]nonceID, 0, 4000)
		for range cap(ids) {
			id, _ := n.open(n.make(dom, time.Now()), dom)
			if !w.take(id, 1, time.Now()) {
				// Issued in the same millisecond as one forgotten: stale, a
				// challenge more.
				continue
			}
			ids = append(ids, id)
			time.Sleep(time.Millisecond)
			total := 0
			for i := range w.shards {
				total += len(w.shards[i].now) + len(w.shards[i].old)
			}
			if total > room+2*windowShards {
				t.Fatalf("%d nonces remembered, bound %d", total, room)
			}
		}
		if len(ids) < 3900 {
			t.Fatalf("only %d of %d fresh nonces passed", len(ids), cap(ids))
		}
		for i, id := range ids {
			if w.take(id, 1, time.Now()) {
				t.Fatalf("count 1 of nonce %d passed twice", i)
			}
		}
	})
}

func TestWithoutQOP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUsers(t)
		plain := func(a *Authority) string {
			c := challengeFor(t, a)[0]
			return answer(t, &client.Challenge{Realm: c.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm}, "1001", "demo-1001", 0)
		}
		a := testAuthority(t, u, Options{})
		if v := a.Verify(register(plain(a)), src()); v.Status != 401 {
			t.Fatalf("accepted by default: %+v", v)
		}
		a = testAuthority(t, u, Options{WithoutQOP: true})
		auth := plain(a)
		if strings.Contains(auth, "qop") {
			t.Fatalf("the client sent qop: %s", auth)
		}
		if v := a.Verify(register(auth), src()); v.Status != 0 {
			t.Fatalf("refused though switched on: %+v", v)
		}
		time.Sleep(withoutQOPLife)
		if v := a.Verify(register(auth), src()); v.Status != 401 {
			t.Fatalf("accepted after a minute: %+v", v)
		}
	})
}
