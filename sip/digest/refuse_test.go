package digest

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/icholy/digest"
	"github.com/rs/zerolog"

	"lamplight/sip/message"
)

func TestBadCredentials(t *testing.T) {
	a := testAuthority(t, newUsers(t), Options{})
	good := func() string { return answer(t, challengeFor(t, a)[0], "1001", "demo-1001", 1) }
	edit := func(old, with string) func() string {
		return func() string {
			g := good()
			if !strings.Contains(g, old) {
				t.Fatalf("%q not in %q", old, g)
			}
			return strings.Replace(g, old, with, 1)
		}
	}
	for name, tc := range map[string]struct {
		make   func() string
		status int
	}{
		"good":                     {good, 0},
		"scheme in lower case":     {edit("Digest", "digest"), 0},
		"space around equals":      {edit(`realm=`, `realm = `), 0},
		"qop in quotes":            {edit("qop=auth", `qop="auth"`), 0},
		"algorithm in quotes":      {edit("algorithm=MD5", `algorithm="MD5"`), 0},
		"algorithm left out":       {edit("algorithm=MD5,", ""), 0},
		"trailing comma":           {func() string { return good() + ", ," }, 0},
		"unknown parameter":        {func() string { return good() + `, auts="a,\"b"` }, 0},
		"empty":                    {func() string { return "" }, 401},
		"no parameters":            {func() string { return "Digest" }, 401},
		"another scheme":           {func() string { return "Basic ZGVtbzpkZW1v" }, 401},
		"other realm":              {edit("demo realm", "other"), 401},
		"no realm":                 {edit(`realm="demo realm",`, ""), 400},
		"no username":              {edit(`username="1001",`, ""), 400},
		"no nonce":                 {edit("nonce=", "nonse="), 400},
		"no response":              {edit("response=", "answer="), 400},
		"no cnonce":                {edit("cnonce=", "znonce="), 400},
		"count of zero":            {edit("nc=00000001", "nc=00000000"), 400},
		"count not hexadecimal":    {edit("nc=00000001", "nc=0000000g"), 400},
		"count too long":           {edit("nc=00000001", "nc=000000001"), 400},
		"count below zero":         {edit("nc=00000001", "nc=-1"), 400},
		"count not what was meant": {edit("nc=00000001", "nc=00000002"), 401},
		"given twice":              {func() string { return good() + `, username="1002"` }, 400},
		"open quote":               {func() string { return good() + `, opaque="abc` }, 400},
		"text after quote":         {edit(`realm="demo realm"`, `realm="demo realm"x`), 400},
		"no equals":                {func() string { return good() + ", opaque" }, 400},
		"auth-int":                 {edit("qop=auth", "qop=auth-int"), 401},
		"algorithm not offered":    {edit("algorithm=MD5", "algorithm=SHA-256"), 401},
		"session variant":          {edit("algorithm=MD5", "algorithm=MD5-sess"), 401},
		"short response":           {edit(`response="`, `response="0`), 401},
		"response not hexadecimal": {func() string { g := good(); i := strings.Index(g, `response="`) + 10; return g[:i] + "zz" + g[i+2:] }, 401},
		"unknown user":             {edit(`username="1001"`, `username="nobody"`), 401},
		"another user":             {edit(`username="1001"`, `username="old"`), 401},
		"forged nonce":             {edit(`nonce="`, `nonce="AA`), 401},
		"other server's URI":       {edit(`uri="sip:demo.test"`, `uri="sip:elsewhere.test"`), 400},
		"URI of another scheme":    {edit(`uri="sip:demo.test"`, `uri="tel:+1"`), 400},
		"a megabyte of commas":     {func() string { return "Digest " + strings.Repeat(",", 1<<20) }, 400},
	} {
		t.Run(name, func(t *testing.T) {
			v := a.Verify(register(tc.make()), src())
			if v.Status != tc.status {
				t.Fatalf("status %d (%s), want %d", v.Status, v.Phrase, tc.status)
			}
			if v.Status == 401 {
				challenges(t, v)
			}
		})
	}
}

func TestDigestURI(t *testing.T) {
	a := testAuthority(t, newUsers(t), Options{})
	for uri, status := range map[string]int{
		"sip:demo.test":                    0,
		"sip:DEMO.test:5060;transport=tcp": 0,
		"sips:demo.test":                   0,
		"sip:1001@demo.test":               0,
		"sip:192.0.2.9":                    0, // another of the domain's names
		"sip:proxy.demo.test":              400,
		"sip:":                             400,
		"":                                 400,
	} {
		cred, err := client.Digest(challengeFor(t, a)[0], client.Options{Method: "REGISTER", URI: uri, Username: "1001", Password: "demo-1001", Count: 1, Cnonce: "c"})
		if err != nil {
			t.Fatal(err)
		}
		if v := a.Verify(register(cred.String()), src()); v.Status != status {
			t.Errorf("%q: status %d, want %d", uri, v.Status, status)
		}
	}
}

func TestDomainOfRequest(t *testing.T) {
	a := testAuthority(t, newUsers(t), Options{})
	for name, tc := range map[string]struct {
		method, from, to string
		status           int
	}{
		"REGISTER by To":          {"REGISTER", "<sip:x@elsewhere.test>", "<sip:1001@demo.test>", 401},
		"REGISTER elsewhere":      {"REGISTER", "<sip:1001@demo.test>", "<sip:1001@elsewhere.test>", 403},
		"SUBSCRIBE by From":       {"SUBSCRIBE", `"a <b" <sip:1001@demo.test>;tag=1`, "<sip:x@elsewhere.test>", 401},
		"SUBSCRIBE from outside":  {"SUBSCRIBE", "<sip:1001@elsewhere.test>", "<sip:1001@demo.test>", 403},
		"without angle brackets":  {"INVITE", "sip:1001@demo.test;tag=1", "<sip:x@demo.test>", 401},
		"no From":                 {"INVITE", "", "<sip:x@demo.test>", 403},
		"torn From":               {"INVITE", "<sip:1001@demo.test", "<sip:x@demo.test>", 403},
		"From is a tel URI":       {"INVITE", "<tel:+123>", "<sip:x@demo.test>", 403},
		"domain by address":       {"INVITE", "<sip:1001@192.0.2.9:5060>", "<sip:x@demo.test>", 401},
		"domain in another case":  {"INVITE", "<SIP:1001@Demo.Test>", "<sip:x@demo.test>", 401},
		"unclosed IPv6 reference": {"INVITE", "<sip:1001@[2001:db8::1>", "<sip:x@demo.test>", 403},
	} {
		m := &message.Message{Method: tc.method, URI: "sip:demo.test", Headers: []message.Header{{Name: message.From, Value: tc.from}, {Name: message.To, Value: tc.to}}}
		if v := a.Verify(m, src()); v.Status != tc.status {
			t.Errorf("%s: status %d, want %d", name, v.Status, tc.status)
		}
	}
}

// An unknown user must not be told from a wrong password.
func TestUnknownUserLooksTheSame(t *testing.T) {
	a := testAuthority(t, newUsers(t), Options{})
	shape := func(user string) string {
		v := a.Verify(register(answer(t, challengeFor(t, a)[0], user, "wrong", 1)), src())
		s := fmt.Sprint(v.Status, v.Phrase, len(v.Challenges))
		for _, c := range challenges(t, v) {
			s += fmt.Sprint(c.Realm, c.Algorithm, c.QOP, c.Stale, len(c.Nonce))
		}
		return s
	}
	if known, unknown := shape("1001"), shape("nobody"); known != unknown {
		t.Errorf("known %q, unknown %q", known, unknown)
	}
	if testing.Short() {
		return
	}
	// The work is the same to within a third; the medians of many runs.
	cost := func(user string) time.Duration {
		auth := register(answer(t, challengeFor(t, a)[0], user, "wrong", 1))
		c, _, _ := ours(auth, a.o.Users.(*users).dom.Realm)
		ds := make([]time.Duration, 501)
		for i := range ds {
			start := time.Now()
			for range 20 {
				a.prove(&c, "REGISTER", a.o.Users.(*users).dom)
			}
			ds[i] = time.Since(start)
		}
		slices.Sort(ds)
		return ds[len(ds)/2]
	}
	known, unknown := cost("1001"), cost("nobody")
	if unknown*3 < known*2 || known*3 < unknown*2 {
		t.Errorf("known user takes %v, unknown %v", known, unknown)
	}
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a := testAuthority(t, newUsers(t), Options{Failures: 5, FailureRefill: 10 * time.Second, Log: zerolog.New(&log)})
		try := func(from netip.Addr, user, password string) int {
			return a.Verify(register(answer(t, challengeFor(t, a)[0], user, password, 1)), from).Status
		}
		site := netip.MustParseAddr("203.0.113.5")
		if s := try(site, "1001", "demo-1001"); s != 0 {
			t.Fatalf("good phone: %d", s)
		}
		for i := range 5 {
			if s := try(site, "old", "wrong"); s != 401 {
				t.Fatalf("failure %d: %d", i, s)
			}
		}
		if s := try(site, "old", "demo-old"); s != 403 {
			t.Errorf("over the limit: %d, want 403 unheard", s)
		}
		if s := try(site, "1001", "demo-1001"); s != 0 {
			t.Errorf("neighbour that had proved itself: %d", s)
		}
		if s := try(src(), "old", "demo-old"); s != 0 {
			t.Errorf("another address: %d", s)
		}
		time.Sleep(10 * time.Second)
		if s := try(site, "old", "demo-old"); s != 0 {
			t.Errorf("after a while: %d", s)
		}
		lines := log.String()
		if n := strings.Count(lines, `"message":"authentication failure from 203.0.113.5"`); n != 5 {
			t.Errorf("%d failure lines, want 5:\n%s", n, lines)
		}
		if n := strings.Count(lines, `"message":"too many authentication failures from 203.0.113.5"`); n != 1 {
			t.Errorf("%d refusal lines, want 1:\n%s", n, lines)
		}
	})
}

func TestLimiterIsBounded(t *testing.T) {
	l := newLimiter(3, time.Second, 100)
	now := time.Now()
	for i := range 10_000 {
		l.failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if n := len(l.now) + len(l.old); n > 100 {
		t.Errorf("%d sources remembered", n)
	}
	// An IPv6 client that changes addresses within its network stays one source.
	for i := range 3 {
		l.failed(netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1)), now)
	}
	if !l.refuses(netip.MustParseAddr("2001:db8::99"), "r", "u", now) {
		t.Error("a new address of a refused network passes")
	}
}

func TestOddUserName(t *testing.T) {
	a := testAuthority(t, newUsers(t), Options{})
	c := challengeFor(t, a)[0]
	cred, err := client.Digest(c, client.Options{Method: "REGISTER", URI: "sip:demo.test", Username: `od"d\`, Password: "demo-odd", Count: 1, Cnonce: "c"})
	if err != nil {
		t.Fatal(err)
	}
	auth := cred.String()
	if !strings.Contains(auth, `"od\"d\\"`) {
		t.Fatalf("the client does not quote pairs: %s", auth)
	}
	v := a.Verify(register(auth), src())
	if v.Status != 0 || v.Username != `od"d\` {
		t.Fatalf("%+v for %s", v, auth)
	}
}

func FuzzParseCredentials(f *testing.F) {
	for _, s := range []string{
		`Digest username="a",realm="r",nonce="n",uri="sip:x",response="1"`,
		`digest  a = "b\"" , nc=1`, "Digest =", `Digest a="`, "Digest \\", "Basic x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCredentials(s)
		if err == nil && (c.username == "" || c.realm == "" || c.nonce == "" || c.uri == "" || c.response == "") {
			t.Fatalf("accepted without a part it needs: %+v", c)
		}
		c.matches(algMD5, noHA1[:32], "REGISTER")
		SplitAddress(s)
	})
}
