package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Media is the gateway that lets a webphone talk with SIP phones. Browsers reach
// it by webphone.udp.
type Media struct {
	// RTP is this machine's address phones send their audio to; empty turns the
	// gateway off.
	RTP string `yaml:"rtp"`
	// Announce is the address phones are told instead of RTP's; needed if that is
	// the address of all interfaces.
	Announce string `yaml:"announce"`
	// RTP6 and Announce6 are the same for phones that speak IPv6, beside those of IPv4.
	// A phone is answered in the family it speaks; one whose family has no address here
	// is refused (488).
	RTP6      string `yaml:"rtp6"`
	Announce6 string `yaml:"announce6"`
	// Ports are the RTP ports, two for a call; 30000-30999.
	Ports string `yaml:"ports"`
	// TCP is where browsers reach the gateway when no UDP passes; empty: nowhere.
	TCP string `yaml:"tcp"`
	// First and Silence are how long a phone may send nothing, at the beginning and
	// later, until its call ends; 30s and 15s. A call on hold may be silent.
	First   time.Duration `yaml:"first"`
	Silence time.Duration `yaml:"silence"`
	// Turn relays browsers that cannot reach the gateway directly.
	Turn Turn `yaml:"turn"`
}

// Turn is the relay for browsers: our own, which reaches the gateway and nothing
// else, or others that know the secret.
type Turn struct {
	// UDP and TCP are where browsers reach our own; with TLS, TCP speaks it.
	UDP string `yaml:"udp"`
	TCP string `yaml:"tcp"`
	TLS bool   `yaml:"tls"`
	// Host is the name or address browsers are told; that of webphone.announce, or
	// of webphone.udp. With TLS it is a name of the certificate.
	Host string `yaml:"host"`
	// Ports are those of the relays, which only the gateway needs to reach;
	// 31000-31999.
	Ports string `yaml:"ports"`
	// Servers are others, "turn:turn.example.com:3478?transport=udp", or
	// "stun:…".
	Servers []string `yaml:"servers"`
	// Secret makes the credentials browsers get: of 16 characters or more, shared
	// with the servers. Our own needs none, and makes one at each start.
	Secret string `yaml:"secret"`
	// TTL is how long a credential is good; 24h. A page has fresh ones when half of it
	// is over, and a relay that it has goes on.
	TTL time.Duration `yaml:"ttl"`
}

// On reports whether our own relay is on.
func (t Turn) On() bool { return t.UDP != "" || t.TCP != "" }

func (m *Media) defaults() {
	set(&m.Ports, "30000-30999")
	set(&m.Turn.Ports, "31000-31999")
	set(&m.Turn.TTL, 24*time.Hour)
}

// PortRange reads "30000-30999".
func PortRange(s string) (r [2]uint16, ok bool) {
	first, last, ok := strings.Cut(s, "-")
	a, err1 := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	b, err2 := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if !ok || err1 != nil || err2 != nil || a < 1024 || b <= a {
		return r, false
	}
	return [2]uint16{uint16(a), uint16(b)}, true
}

// listeners adds the addresses that are listened on.
func (m *Media) listeners(all map[string]string) {
	for path, a := range map[string]string{"media.tcp": m.TCP, "media.turn.udp": m.Turn.UDP, "media.turn.tcp": m.Turn.TCP} {
		if a != "" {
			all[path] = a
		}
	}
	for path, a := range map[string]string{"media.rtp": m.RTP, "media.rtp6": m.RTP6} {
		if r, ok := PortRange(m.Ports); ok && isAddr(a) {
			all[path] = net.JoinHostPort(a, strconv.Itoa(int(r[0])))
		}
	}
}

func (c *Config) checkMedia(k *check) {
	m := &c.Media
	if c.Webphone.UDP == "" && (m.RTP != "" || m.TCP != "" || m.Turn.On()) {
		k.fail("media", "webphone.udp is what browsers reach it by, and it is empty")
	}
	rtp := k.media("media.rtp", m.RTP, "media.announce", m.Announce)
	rtp6 := k.media("media.rtp6", m.RTP6, "media.announce6", m.Announce6)
	switch {
	case m.Announce6 != "" && m.RTP6 == "":
		k.fail("media.announce6", "media.rtp6 is empty")
	case rtp6.IsValid() && (!rtp6.Is6() || !rtp.Is4()):
		k.fail("media.rtp6", "it is for an address of IPv6 beside one of IPv4 in media.rtp")
	}
	for path, s := range map[string]string{"media.ports": m.Ports, "media.turn.ports": m.Turn.Ports} {
		if _, ok := PortRange(s); !ok {
			k.fail(path, "%q is not FIRST-LAST, from 1024 on", s)
		}
	}
	k.within("media.first", m.First, time.Second, time.Hour)
	k.within("media.silence", m.Silence, time.Second, time.Hour)
	k.within("media.turn.ttl", m.Turn.TTL, 30*time.Second, 30*24*time.Hour)
	if n := len(m.Turn.Secret); n > 0 && n < 16 {
		k.fail("media.turn.secret", "16 characters or more are needed")
	}
	if m.Turn.TLS && m.Turn.TCP == "" {
		k.fail("media.turn.tls", "TLS needs media.turn.tcp")
	}
	for i, s := range m.Turn.Servers {
		path := "media.turn.servers[" + strconv.Itoa(i) + "]"
		switch scheme, _, _ := strings.Cut(s, ":"); scheme {
		case "stun", "stuns":
		case "turn", "turns":
			if m.Turn.Secret == "" {
				k.fail(path, "a TURN server needs media.turn.secret")
			}
		default:
			k.fail(path, "%q is not stun:, turn: or turns: and a host", s)
		}
	}
}

// media looks at an address for audio, and the one that phones are told of it.
func (k *check) media(path, text, told, announced string) netip.Addr {
	at, err := netip.ParseAddr(text)
	if text != "" && err != nil {
		k.fail(path, "%q is not an address", text)
	}
	announce, wrong := netip.ParseAddr(announced)
	switch {
	case announced != "" && (wrong != nil || announce.IsUnspecified() || announce.IsMulticast()):
		k.fail(told, "%q is no address that phones can send to", announced)
	case announced == "" && err == nil && at.IsUnspecified():
		k.fail(told, "%s is the address of all interfaces: say which one phones are told", path)
	case announced != "" && err == nil && at.Is4() != announce.Is4():
		k.fail(told, "%q is of another family than %s", announced, path)
	}
	return at
}
