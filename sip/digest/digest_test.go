package digest

import (
	"net/netip"
	"strings"
	"testing"

	client "github.com/icholy/digest"

	"lamplight/presence"
	"lamplight/sip/message"
)

// users is a directory of one domain and a few devices.
type users struct {
	dom   *presence.Domain
	creds map[string]*presence.Credential
	devs  map[presence.DeviceID]*presence.Device
}

func (u *users) DomainByName(n string) (*presence.Domain, bool) {
	for _, name := range u.dom.Names {
		if strings.EqualFold(n, name) {
			return u.dom, true
		}
	}
	return nil, false
}

func (u *users) Credential(d presence.DomainID, name string) (*presence.Credential, bool) {
	c, ok := u.creds[name]
	return c, ok && d == u.dom.ID
}

func (u *users) Device(id presence.DeviceID) (*presence.Device, bool) {
	d, ok := u.devs[id]
	return d, ok
}

func (u *users) add(t testing.TB, name, password string, algs ...string) {
	t.Helper()
	dev := &presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: u.dom.ID, Digest: algs}
	c := &presence.Credential{Domain: u.dom.ID, Device: dev.ID, Username: name}
	if len(algs) == 0 {
		algs = []string{MD5, SHA256, SHA512256}
	}
	for _, alg := range algs {
		h, err := HA1(alg, name, u.dom.Realm, password)
		if err != nil {
			t.Fatal(err)
		}
		c.HA1.Set(alg, h)
	}
	u.creds[name], u.devs[dev.ID] = c, dev
}

func newUsers(t testing.TB, domainAlgs ...string) *users {
	u := &users{
		dom: &presence.Domain{
			ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"demo.test", "192.0.2.9"}, Realm: "demo realm",
			Policy: presence.Policy{Digest: domainAlgs},
		},
		creds: map[string]*presence.Credential{},
		devs:  map[presence.DeviceID]*presence.Device{},
	}
	u.add(t, "1001", "demo-1001")
	u.add(t, "old", "demo-old", MD5)
	u.add(t, "new", "demo-new", SHA256)
	u.add(t, `od"d\`, "demo-odd")
	return u
}

func testAuthority(t testing.TB, u *users, o Options) *Authority {
	t.Helper()
	o.Users = u
	return New(o)
}

func register(authorization ...string) *message.Message {
	m := &message.Message{Method: "REGISTER", URI: "sip:demo.test", Headers: []message.Header{
		{Name: message.From, Value: `"Ann" <sip:1001@demo.test>;tag=1`},
		{Name: message.To, Value: `<sip:1001@demo.test>`},
		{Name: message.CallID, Value: "c1"},
	}}
	for _, a := range authorization {
		m.Headers = append(m.Headers, message.Header{Name: message.Authorization, Value: a})
	}
	return m
}

func src() netip.Addr { return netip.MustParseAddr("198.51.100.7") }

// challengeFor asks without credentials.
func challengeFor(t testing.TB, a *Authority) []*client.Challenge {
	t.Helper()
	return challenges(t, a.Verify(register(), src()))
}

func challenges(t testing.TB, v Verdict) []*client.Challenge {
	t.Helper()
	if v.Status != 401 || len(v.Challenges) == 0 {
		t.Fatalf("status %d with %d challenges, want 401 with some", v.Status, len(v.Challenges))
	}
	var out []*client.Challenge
	for _, h := range v.Challenges {
		if h.Name != message.WWWAuthenticate {
			t.Fatalf("challenge in %s", h.Name)
		}
		c, err := client.ParseChallenge(h.Value)
		if err != nil {
			t.Fatalf("%q: %v", h.Value, err)
		}
		out = append(out, c)
	}
	return out
}

// answer is what a phone makes of a challenge.
func answer(t testing.TB, c *client.Challenge, user, password string, count int) string {
	t.Helper()
	cred, err := client.Digest(c, client.Options{
		Method: "REGISTER", URI: "sip:demo.test", Username: user, Password: password, Count: count, Cnonce: "0a4f113b",
	})
	if err != nil {
		t.Fatal(err)
	}
	return cred.String()
}

func TestClientAuthenticates(t *testing.T) {
	for name, tc := range map[string]struct {
		domain []string
		user   string
		want   []string // algorithms offered
	}{
		"MD5 is the default":           {nil, "1001", []string{MD5}},
		"strongest first, MD5 last":    {[]string{MD5, SHA256}, "1001", []string{SHA256, MD5}},
		"all three":                    {[]string{MD5, SHA512256, SHA256}, "1001", []string{SHA256, SHA512256, MD5}},
		"device's own list":            {nil, "new", []string{SHA256}},
		"only what has a hash":         {[]string{SHA256, MD5}, "old", []string{MD5}},
		"unknown algorithm is ignored": {[]string{"ROT-13"}, "1001", []string{MD5}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUsers(t, tc.domain...)
			a := testAuthority(t, u, Options{})
			m := register()
			m.Headers[1].Value = "<sip:" + tc.user + "@demo.test>"
			cs := challenges(t, a.Verify(m, src()))
			var got []string
			for _, c := range cs {
				got = append(got, c.Algorithm)
			}
			if strings.Join(got, " ") != strings.Join(tc.want, " ") {
				t.Fatalf("offered %v, want %v", got, tc.want)
			}
			for _, c := range cs {
				v := a.Verify(register(answer(t, c, tc.user, "demo-"+tc.user, 1)), src())
				// All challenges of one answer share a nonce: only the first use of
				// count 1 is fresh.
				if c == cs[0] && (v.Status != 0 || v.Username != tc.user || v.Device != u.creds[tc.user].Device || v.Domain != u.dom) {
					t.Fatalf("%s: verdict %+v", c.Algorithm, v)
				}
				v = a.Verify(register(answer(t, challenges(t, a.Verify(m, src()))[0], tc.user, "wrong", 1)), src())
				if v.Status != 401 {
					t.Fatalf("%s: wrong password: %+v", c.Algorithm, v)
				}
			}
		})
	}
}

// The example of RFC 7616 §3.9.1.
func TestRFC7616Example(t *testing.T) {
	for alg, response := range map[string]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		ha1, err := HA1(alg, "Mufasa", "http-auth@example.org", "Circle of Life")
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseCredentials(`Digest username="Mufasa",
			realm="http-auth@example.org",
			uri="/dir/index.html",
			algorithm=` + alg + `,
			nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			nc=00000001,
			cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			qop=auth,
			response="` + response + `",
			opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`)
		if err != nil {
			t.Fatal(err)
		}
		if !c.matches(algorithmOf(alg), ha1, "GET") {
			t.Errorf("%s: the example does not match", alg)
		}
		c.response = strings.ToUpper(c.response)
		if !c.matches(algorithmOf(alg), ha1, "GET") {
			t.Errorf("%s: upper case does not match", alg)
		}
		if c.matches(algorithmOf(alg), ha1, "PUT") {
			t.Errorf("%s: another method matches", alg)
		}
	}
}

func TestHA1(t *testing.T) {
	if got, _ := HA1("md5", "Mufasa", "testrealm@host.com", "Circle Of Life"); got != "939e7578ed9e3c518a452acee763bce9" {
		t.Errorf("HA1 of RFC 2617 §3.5: %s", got)
	}
	if _, err := HA1("MD5-sess", "a", "b", "c"); err == nil {
		t.Error("MD5-sess has no stored hash")
	}
}

func TestCounts(t *testing.T) {
	a := testAuthority(t, newUsers(t), Options{})
	c := challengeFor(t, a)[0]
	for i, step := range []struct {
		count int
		stale bool
	}{
		{1, false}, {1, true}, {2, false}, {5, false}, {4, false}, {3, false}, {4, true}, {3, true},
		{80, false}, {17, false}, {17, true}, {16, true}, {6, true}, {1 << 20, false}, {81, true},
	} {
		v := a.Verify(register(answer(t, c, "1001", "demo-1001", step.count)), src())
		if stale := v.Status == 401; stale != step.stale {
			t.Fatalf("step %d, count %d: status %d, want stale %v", i, step.count, v.Status, step.stale)
		}
		if step.stale && !strings.Contains(v.Challenges[0].Value, "stale=true") {
			t.Fatalf("step %d: %q does not say stale", i, v.Challenges[0].Value)
		}
	}
	// A wrong password is never called stale and uses no count up.
	v := a.Verify(register(answer(t, c, "1001", "wrong", 1<<20+1)), src())
	if v.Status != 401 || strings.Contains(v.Challenges[0].Value, "stale") {
		t.Fatalf("wrong password: %+v", v)
	}
	if v = a.Verify(register(answer(t, c, "1001", "demo-1001", 1<<20+1)), src()); v.Status != 0 {
		t.Fatalf("the count was used up by a wrong password: %+v", v)
	}
}
