package proxies

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestWhereARequestCameFrom(t *testing.T) {
	ours := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	cases := map[string]struct {
		peer   string
		header http.Header
		want   string
		secure bool
	}{
		"nobody between":           {"192.0.2.1:99", nil, "192.0.2.1", false},
		"a stranger says so":       {"192.0.2.1:99", http.Header{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"https"}}, "192.0.2.1", false},
		"our proxy":                {"10.0.0.1:99", http.Header{"X-Forwarded-For": {"198.51.100.1"}, "X-Forwarded-Proto": {"https"}}, "198.51.100.1", true},
		"our proxy, mapped":        {"[::ffff:10.0.0.1]:99", http.Header{"X-Forwarded-For": {"198.51.100.1"}}, "198.51.100.1", false},
		"our proxy by IPv6":        {"[2001:db8:1::5]:99", http.Header{"X-Forwarded-For": {"2001:db8:2::1"}}, "2001:db8:2::1", false},
		"two of ours":              {"10.0.0.1:99", http.Header{"X-Forwarded-For": {"198.51.100.1, 10.0.0.2"}}, "198.51.100.1", false},
		"with what the client put": {"10.0.0.1:99", http.Header{"X-Forwarded-For": {"127.0.0.1, 198.51.100.1"}}, "198.51.100.1", false},
		"in a line of its own":     {"10.0.0.1:99", http.Header{"X-Forwarded-For": {"127.0.0.1", "198.51.100.1"}, "X-Forwarded-Proto": {"https", "http"}}, "198.51.100.1", false},
		"with a port":              {"10.0.0.1:99", http.Header{"X-Forwarded-For": {"198.51.100.1:5555"}}, "198.51.100.1", false},
		"our proxy says nothing":   {"10.0.0.1:99", nil, "10.0.0.1", false},
		"our proxy says rubbish":   {"10.0.0.1:99", http.Header{"X-Forwarded-For": {"127.0.0.1, unknown"}}, "10.0.0.1", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			if c.header != nil {
				r.Header = c.header
			}
			if got := ours.Client(r); got.String() != c.want {
				t.Errorf("from %s, want %s", got, c.want)
			}
			if got := ours.Secure(r); got != c.secure {
				t.Errorf("secure %v, want %v", got, c.secure)
			}
			r.TLS = &tls.ConnectionState{}
			if !ours.Secure(r) {
				t.Error("TLS is not secure")
			}
		})
	}
}
