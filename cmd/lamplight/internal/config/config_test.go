package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/quirks"
	"lamplight/sip/registrar"
)

const demo = "../../../../configs/demo.yaml"

func TestDemoConfigurationIsValid(t *testing.T) {
	c, err := Load(demo, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Loopback() {
		t.Error("the demo listens beyond loopback")
	}
	if n := len(c.Domains[0].Agents); n != 12 {
		t.Errorf("%d agents", n)
	}
	p := c.Domains[0].Policy()
	if p.Grace != 5*time.Second || p.WrapUp != 30*time.Second {
		t.Errorf("policy %+v", p)
	}
}

// minimal is a valid configuration that the cases below break by one key.
const minimal = `
sip:
  udp: [127.0.0.1:5060]
domains:
  - name: example.test
`

func TestMistakesAreReportedWithTheirLine(t *testing.T) {
	cases := map[string]struct{ yaml, want string }{
		"unknown key":              {minimal + "nodde: x\n", "c.yaml:6: "},
		"unknown nested key":       {"sip:\n  udp: [127.0.0.1:5060]\n  upd: []\ndomains: [{name: a.test}]\n", "c.yaml:3: "},
		"not YAML":                 {"sip: [\n", "c.yaml:"},
		"wrong type":               {minimal + "demo: perhaps\n", "c.yaml:6: "},
		"bad duration":             {minimal + "    leg_max_age: soon\n", "c.yaml:6: "},
		"grace out of range":       {minimal + "    grace: 31s\n", "c.yaml:6: domains[0].grace: 31s is not between"},
		"wrap-up out of range":     {minimal + "    wrap_up: 1s\n", "c.yaml:6: domains[0].wrap_up"},
		"wrap-up nonsense":         {minimal + "    wrap_up: later\n", "c.yaml:6: "},
		"bad address":              {"sip:\n  udp: [here]\ndomains: [{name: a.test}]\n", "c.yaml:2: sip.udp[0]: \"here\" is not host:port"},
		"host name":                {"sip:\n  udp:\n    - example.com:5060\ndomains: [{name: a.test}]\n", "c.yaml:3: sip.udp[0]"},
		"no domain":                {"sip:\n  udp: [127.0.0.1:5060]\n", "domains: at least one"},
		"domain twice":             {minimal + "  - name: EXAMPLE.test\n", "c.yaml:6: domains[1].name: \"example.test\" is used twice"},
		"demo off loopback":        {"demo: true\nsip:\n  udp:\n    - 0.0.0.0:5060\ndomains: [{name: a.test}]\n", "c.yaml:4: sip.udp[0]: demo: true works on loopback"},
		"demo token":               {minimal + "tokens:\n  - {name: x, token: demo-admin, role: admin}\n", "c.yaml:7: tokens[0].token: demo tokens"},
		"demo password":            {minimal + "    agents:\n      - {number: \"1\", password: demo-1}\n", "c.yaml:7: domains[0].agents[0].password: demo passwords"},
		"short token":              {minimal + "tokens:\n  - {name: x, token: abc, role: admin}\n", "shorter than 24"},
		"unknown role":             {minimal + "tokens:\n  - {name: x, token: abcdefghijklmnopqrstuvwxyz, role: king}\n", "c.yaml:7: tokens[0].role"},
		"peer without source":      {minimal + "peers:\n  - name: pbx\n", "c.yaml:7: peers[0].sources"},
		"peer of no domain":        {minimal + "peers:\n  - {name: pbx, sources: [127.0.0.1], domains: [b.test]}\n", "c.yaml:7: peers[0].domains[0]"},
		"bad trunk":                {minimal + "peers:\n  - {name: pbx, sources: [127.0.0.1], trunk: \"a b\"}\n", "c.yaml:7: peers[0].trunk"},
		"registrar":                {minimal + "registrar:\n  min_expires: 2h\n", "c.yaml:6: registrar: min_expires 2h0m0s is more than max_expires"},
		"excess":                   {minimal + "registrar:\n  soft: {excess: all}\n", "c.yaml:6: registrar: soft.excess \"all\" is none of replace, reject and unlimited"},
		"excess twice":             {minimal + "registrar:\n  excess: replace\n  refuse_excess: true\n", "c.yaml:7: registrar.excess: \"replace\", but refuse_excess"},
		"too many contacts":        {minimal + "registrar:\n  contacts: 51\n", "c.yaml:6: registrar: contacts 51 is more than 50"},
		"qualify whom":             {minimal + "registrar:\n  qualify: some\n", "c.yaml:7: registrar.qualify: \"some\" is not one of nat, all, off"},
		"qualify too often":        {minimal + "registrar:\n  contacts: 1\n  qualify_interval: 1s\n", "c.yaml:8: registrar.qualify_interval: 1s is not between 5s"},
		"list too long":            {minimal + "lists:\n  members: 5001\n", "c.yaml:7: lists.members: 5001 is not between 1 and 5000"},
		"no lists":                 {minimal + "lists:\n  per_agent: -1\n", "c.yaml:7: lists.per_agent: negative"},
		"push without a URL":       {minimal + "push:\n  providers:\n    - {name: webpush}\n", "c.yaml:8: push.providers[0].url: url is missing"},
		"push in plain text":       {minimal + "push:\n  providers:\n    - name: webpush\n      url: http://push.test/\n", "c.yaml:9: push.providers[0].url: url \"http://push.test/\" is not https"},
		"push twice":               {minimal + "push:\n  providers:\n    - {name: fcm}\n    - {name: FCM}\n", "c.yaml:9: push.providers[1].name: \"fcm\" is used twice"},
		"push waits too long":      {minimal + "push:\n  wait: 5m\n", "c.yaml:7: push.wait: 5m0s is not between 1s and 1m0s"},
		"push with two tokens":     {minimal + "push:\n  providers:\n    - {name: fcm, token: a, token_file: b}\n", "c.yaml:8: push.providers[0]: token and token_file exclude each other"},
		"number twice":             {minimal + "    agents:\n      - {number: \"1\", password: secret}\n      - {number: \"1\", password: secret}\n", "c.yaml:8: domains[0].agents[1].number"},
		"status returns where":     {minimal + "    statuses:\n      - {name: Break, return: home}\n", "c.yaml:7: domains[0].statuses[0].return"},
		"fallback nowhere":         {minimal + "    calls:\n      fallback: the voicemail\n", "c.yaml:7: domains[0].calls.fallback"},
		"key of no status":         {minimal + "    agent_keys:\n      after_call: Coffee\n", "c.yaml:7: domains[0].agent_keys.after_call: \"Coffee\" is neither"},
		"reason of no status":      {minimal + "    agent_keys:\n      not_ready:\n        - {reason: \"1\", status: do_not_disturb}\n        - {reason: \"1\"}\n", "c.yaml:9: domains[0].agent_keys.not_ready[1].status: missing"},
		"code of no star":          {minimal + "    feature_codes:\n      dnd_on: \"78\"\n", "c.yaml:7: domains[0].feature_codes.dnd_on: \"78\": star or hash"},
		"code used twice":          {minimal + "    feature_codes:\n      dnd_on: \"*78\"\n      dnd_off: \"*78\"\n", "c.yaml:8: domains[0].feature_codes.dnd_off: *78 is used twice"},
		"code hides a code":        {minimal + "    feature_codes:\n      available: \"*461\"\n      desk_login: \"*46\"\n", "c.yaml:8: domains[0].feature_codes.desk_login: *46: one that is followed"},
		"code of no status":        {minimal + "    feature_codes:\n      statuses:\n        - {code: \"*71\", status: Tea}\n", "c.yaml:8: domains[0].feature_codes.statuses[0].status: \"Tea\""},
		"codes as a list":          {minimal + "    feature_codes: [\"*78\"]\n", "c.yaml:6: "},
		"answer to a code":         {minimal + "    feature_codes:\n      answer: sing\n", "c.yaml:7: domains[0].feature_codes.answer: \"sing\" is not one of ok, refuse"},
		"PIN of letters":           {minimal + "    agents:\n      - {number: \"1\", password: secret, pin: abcd}\n", "c.yaml:7: domains[0].agents[0].pin: a PIN has"},
		"shift too long":           {minimal + "    desks:\n      shift: 200h\n", "c.yaml:7: domains[0].desks.shift"},
		"desk without a key":       {minimal + "    desks:\n      phones:\n        - {user: desk-1}\n", "c.yaml:8: domains[0].desks.phones[0].password: missing"},
		"desk of the demo":         {minimal + "    desks:\n      phones:\n        - {user: desk-1, password: demo-desk}\n", "c.yaml:8: domains[0].desks.phones[0].password: demo passwords"},
		"half a certificate":       {minimal + "tls:\n  certificate: a.pem\n", "c.yaml:6: tls: certificate and key"},
		"proxy is no address":      {minimal + "http:\n  behind_proxy: [proxy.test]\n", "c.yaml:7: http.behind_proxy[0]: \"proxy.test\" is neither an address nor a prefix"},
		"proxy is everybody":       {minimal + "http:\n  behind_proxy: [10.0.0.1, 0.0.0.0/0]\n", "c.yaml:7: http.behind_proxy[1]: \"0.0.0.0/0\" is everybody"},
		"proxy before a demo":      {"demo: true\nhttp:\n  listen: [127.0.0.1:1]\n  behind_proxy: [127.0.0.1]\ndomains: [{name: a.test}]\n", "c.yaml:4: http.behind_proxy[0]: demo: true"},
		"proxy yes":                {minimal + "http:\n  behind_proxy: true\n", "c.yaml:7: "},
		"watched by whom":          {minimal + "    watch:\n      - {who: everybody, then: deny}\n", "c.yaml:7: domains[0].watch[0]: who \"everybody\""},
		"watched and then":         {minimal + "    watch:\n      - {whom: own_team}\n", "c.yaml:7: domains[0].watch[0]: then \"\""},
		"lamp of whom":             {minimal + "    lamp_identity: some\n", "c.yaml:6: domains[0].lamp_identity"},
		"quirk of no phone":        {minimal + "phones:\n  - {match: Acme, quirks: [magic]}\n", "c.yaml:7: phones[0]: \"magic\" is no quirk: busy_lamp"},
		"phone without match":      {minimal + "phones:\n  - {quirks: [xpidf]}\n", "c.yaml:7: phones[0]: match is missing"},
		"body of nothing":          {minimal + "phones:\n  - {match: Acme, largest_body: 3}\n", "c.yaml:7: phones[0]: a largest body of 3 bytes"},
		"caller of no number":      {minimal + "    calls:\n      callers: [{team: sales, number: abc}]\n", "c.yaml:7: domains[0].calls.callers: \"abc\" is no number"},
		"agent's caller":           {minimal + "    agents: [{number: \"1\", login: 123456789012, caller: {number: 1-2}}]\n", "c.yaml:6: domains[0].agents[0].caller: \"1-2\" is no number"},
		"country of no number":     {minimal + "    country: ZZ\n", "c.yaml:6: domains[0].country: no emergency numbers are known of \"ZZ\", only of AE, AR"},
		"group called 112":         {minimal + "    country: de\n    groups: [{number: \"600\", aliases: [\"112\"]}]\n", "c.yaml:7: domains[0].groups[0].number: 112 is an emergency number"},
		"agent called 112":         {minimal + "    country: de\n    agents: [{number: \"112\", login: 123456789012}]\n", "c.yaml:7: domains[0].agents[0].number: 112 is an emergency number"},
		"zone of no place":         {minimal + "    time_zone: Berlin\n", "c.yaml:6: domains[0].time_zone: \"Berlin\" is no time zone"},
		"hours of no day":          {minimal + "    hours:\n      week:\n        - mon-fri 09:00-17:00\n        - someday 09:00-17:00\n", "c.yaml:9: domains[0].hours.week[1]: "},
		"holiday of no date":       {minimal + "    hours:\n      days: [12-32 closed]\n", "c.yaml:7: domains[0].hours.days[0]: \"12-32 closed\": \"12-32\" is no date"},
		"hours that collide":       {minimal + "    hours: {week: [mon-fri 09:00-17:00, fri 16:00-18:00]}\n", "c.yaml:6: domains[0].hours: schedule: Friday: 09:00-17:00 runs into 16:00-18:00"},
		"agent's hours":            {minimal + "    agents:\n      - {number: \"1\", login: 123456789012, hours: {week: [never]}}\n", "c.yaml:7: domains[0].agents[0].hours.week[0]"},
		"after hours nowhere":      {minimal + "    after_hours: \"http://x\"\n", "c.yaml:6: domains[0].after_hours"},
		"media of no browser":      {minimal + "media:\n  rtp: 127.0.0.1\n", "c.yaml:6: media: webphone.udp is what browsers reach"},
		"RTP nowhere":              {minimal + "webphone:\n  udp: 127.0.0.1:1\nmedia:\n  rtp: here\n", "c.yaml:9: media.rtp: \"here\" is not an address"},
		"RTP everywhere":           {minimal + "webphone:\n  udp: 127.0.0.1:1\nmedia:\n  rtp: 0.0.0.0\n", "media.announce: media.rtp is the address of all interfaces"},
		"RTP told in another":      {minimal + "webphone:\n  udp: 127.0.0.1:1\nmedia:\n  rtp: 127.0.0.1\n  announce: \"::1\"\n", "c.yaml:10: media.announce: \"::1\" is of another family"},
		"RTP of IPv6 that is none": {minimal + "webphone:\n  udp: 127.0.0.1:1\nmedia:\n  rtp: 127.0.0.1\n  rtp6: 127.0.0.2\n", "c.yaml:10: media.rtp6: it is for an address of IPv6"},
		"RTP of IPv6 everywhere":   {minimal + "webphone:\n  udp: 127.0.0.1:1\nmedia:\n  rtp: 127.0.0.1\n  rtp6: \"::\"\n", "media.announce6: media.rtp6 is the address of all interfaces"},
		"IPv6 told of nothing":     {minimal + "webphone:\n  udp: 127.0.0.1:1\nmedia:\n  rtp: 127.0.0.1\n  announce6: \"::1\"\n", "c.yaml:10: media.announce6: media.rtp6 is empty"},
		"ports backward":           {minimal + "media:\n  ports: 4000-3000\n", "c.yaml:7: media.ports: \"4000-3000\" is not FIRST-LAST"},
		"demo RTP for all":         {"demo: true\nhttp:\n  listen: [127.0.0.1:1]\nwebphone:\n  udp: 127.0.0.1:1\nmedia:\n  rtp: 192.0.2.1\ndomains: [{name: a.test}]\n", "c.yaml:7: media.rtp: demo: true works on loopback"},
		"relay of a stranger":      {minimal + "media:\n  turn:\n    servers: [\"turn:a.test\"]\n", "c.yaml:8: media.turn.servers[0]: a TURN server needs media.turn.secret"},
		"relay of no scheme":       {minimal + "media:\n  turn:\n    servers: [a.test]\n", "c.yaml:8: media.turn.servers[0]: \"a.test\" is not stun:"},
		"relay's short secret":     {minimal + "media:\n  turn:\n    secret: short\n", "c.yaml:8: media.turn.secret: 16 characters"},
		"group of no number":       {minimal + "    groups:\n      - {name: Sales}\n", "c.yaml:7: domains[0].groups[0].number: missing"},
		"group like an agent":      {minimal + "    agents: [{number: \"1\", login: 123456789012}]\n    groups:\n      - {number: \"1\"}\n", "c.yaml:8: domains[0].groups[0].number: \"1\" is used twice"},
		"group of no strategy":     {minimal + "    groups:\n      - {number: \"6\"}\n      - {number: \"7\", strategy: best}\n", "c.yaml:8: domains[0].groups[1]: strategy \"best\": all, round_robin"},
		"group rings shortly":      {minimal + "    groups:\n      - number: \"6\"\n        ring: 2s\n", "c.yaml:7: domains[0].groups[0]: a ring time of 2s is not between 5s and 2m"},
		"member without a name":    {minimal + "    groups:\n      - number: \"6\"\n        members:\n          - {agent: \"1\"}\n          - {level: 3}\n", "c.yaml:10: domains[0].groups[0].members[1].agent: missing"},
		"member of level 11":       {minimal + "    groups:\n      - {number: \"6\", members: [{agent: \"1\", level: 11}]}\n", "c.yaml:7: domains[0].groups[0].members[0].level: 11 is not between 0 and 10"},
		"alias of an agent":        {minimal + "    agents: [{number: \"1\", login: 123456789012}]\n    groups:\n      - {number: \"6\", aliases: [\"1\"]}\n", "c.yaml:8: domains[0].groups[0].aliases[0]: \"1\" is used twice"},
		"member twice":             {minimal + "    groups:\n      - {number: \"6\", members: [{agent: \"1\"}, {agent: \"1\"}]}\n", "c.yaml:7: domains[0].groups[0].members[1].agent: \"1\" is a member twice"},
		"misses to nowhere":        {minimal + "    groups:\n      - {number: \"6\", misses: {most: 3, status: Tea}}\n", "c.yaml:7: domains[0].groups[0].misses.status: \"Tea\""},
		"misses without a status":  {minimal + "    groups:\n      - {number: \"6\", misses: {most: 3}}\n", "c.yaml:7: domains[0].groups[0]: misses without a status"},
		"group falls back badly":   {minimal + "    groups:\n      - {number: \"6\", fallback: a b}\n", "c.yaml:7: domains[0].groups[0]: fallback \"a b\""},
		"queue too long":           {minimal + "    groups:\n      - {number: \"6\", queue: {size: 1001}}\n", "c.yaml:7: domains[0].groups[0]: a queue of 1001 is not between 0 and 1000"},
		"TLS without any":          {"sip:\n  tls: [127.0.0.1:5061]\ndomains: [{name: a.test}]\n", "self_signed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, c.yaml), nil)
			var ms Mistakes
			if !errors.As(err, &ms) {
				t.Fatalf("got %v, want mistakes", err)
			}
			if got := strings.ReplaceAll(err.Error(), filepath.Dir(ms[0].File)+"/", ""); !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	_, err := Load(write(t, minimal+"    grace: 40s\n    online_by: magic\ntls:\n  key: x\n"), nil)
	var ms Mistakes
	if !errors.As(err, &ms) || len(ms) != 3 {
		t.Fatalf("got %v", err)
	}
	for i := 1; i < len(ms); i++ {
		if ms[i].Line < ms[i-1].Line {
			t.Errorf("not in the file's order: %v", ms)
		}
	}
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	env := []string{
		"LAMPLIGHT_SIP_UDP=127.0.0.1:6060, 127.0.0.1:6061",
		"LAMPLIGHT_LOG_LEVEL=debug",
		"LAMPLIGHT_PUSH_WAIT=5s",
		"LAMPLIGHT_PUSH_PROVIDERS_0_NAME=fcm",
		"LAMPLIGHT_PUSH_PROVIDERS_0_TOKEN_FILE=/run/token",
		"LAMPLIGHT_REGISTRAR_QUALIFY=off",
		"LAMPLIGHT_REGISTRAR_DESK_CONTACTS=1",
		"LAMPLIGHT_REGISTRAR_REFUSE_EXCESS=true",
		"LAMPLIGHT_SIP_UDP_READERS=4",
		"LAMPLIGHT_DOMAINS_0_GRACE=0s",
		"LAMPLIGHT_DOMAINS_0_WRAP_UP=none",
		"LAMPLIGHT_DOMAINS_0_CALLS_CONSULT=any",
		"LAMPLIGHT_DOMAINS_0_CALLS_FALLBACK=sip:voicemail@a.test",
		"LAMPLIGHT_PEERS_0_NAME=pbx",
		"LAMPLIGHT_PEERS_0_SOURCES=10.0.0.0/8",
		"PATH=/bin",
	}
	c, err := Load(write(t, minimal), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Registrar.Limits().Qualify != "off" || len(c.SIP.UDP) != 2 || c.SIP.UDP[1] != "127.0.0.1:6061" || c.Log.Level != "debug" || c.SIP.UDPReaders != 4 {
		t.Errorf("got %+v", c)
	}
	if l := c.Registrar.Limits(); l.Excess != registrar.ExcessReject || l.Desk.Contacts != 1 {
		t.Errorf("contacts %+v", l)
	}
	if s := c.Push.Services(); c.Push.Wait != 5*time.Second || len(s.Providers) != 1 || s.Providers[0].TokenFile != "/run/token" {
		t.Errorf("push %+v", c.Push)
	}
	p := c.Domains[0].Policy().WithDefaults()
	if p.LabelGrace() != 0 || p.WrapUp != presence.WrapUpNone || p.Consult != presence.ConsultAny || p.Fallback != "sip:voicemail@a.test" {
		t.Errorf("policy %+v", p)
	}
	if tab := c.PeerTable(); len(tab) != 1 || tab[0].Sources[0].String() != "10.0.0.0/8" {
		t.Errorf("peers %+v", tab)
	}
}

func TestMistakesOfTheEnvironmentNameTheVariable(t *testing.T) {
	for name, kv := range map[string]string{
		"unknown key": "LAMPLIGHT_NO_SUCH=1",
		"wrong type":  "LAMPLIGHT_DEMO=perhaps",
		"wrong value": "LAMPLIGHT_DOMAINS_0_GRACE=31s",
		"gap in list": "LAMPLIGHT_PEERS_7_NAME=x",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, minimal), []string{kv})
			variable, _, _ := strings.Cut(kv, "=")
			if err == nil || !strings.HasPrefix(err.Error(), variable+":") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestProxiesAreReadFromFileAndEnvironment(t *testing.T) {
	c, err := Load(write(t, minimal+"http:\n  behind_proxy: [10.1.2.3, \"2001:db8::/32\"]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Proxies(); len(p) != 2 || p[0].String() != "10.1.2.3/32" || p[1].String() != "2001:db8::/32" {
		t.Errorf("proxies %v", p)
	}
	c, err = Load(write(t, minimal), []string{"LAMPLIGHT_HTTP_BEHIND_PROXY=127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Proxies(); len(p) != 1 || p[0].String() != "127.0.0.1/32" {
		t.Errorf("proxies %v", p)
	}
}

func TestPhonesOfTheFileComeBeforeTheShipped(t *testing.T) {
	c, err := Load(write(t, minimal+"phones:\n  - {match: \"Poly*VVX\", quirks: [busy_lamp, single_dialog], largest_body: 1000}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.PhoneTable().Find("PolycomVVX-VVX_411"); p.Quirks != quirks.BusyLamp|quirks.SingleDialog || p.LargestBody != 1000 {
		t.Errorf("found %+v", p)
	}
	if p := c.PhoneTable().Find("PolyEdge"); p.Quirks != quirks.XPIDF {
		t.Errorf("found %+v", p)
	}
}
