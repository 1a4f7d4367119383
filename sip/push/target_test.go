package push

import (
	"fmt"
	"strings"
	"testing"

	"lamplight/sip/message"
)

func uri(t *testing.T, s string) message.URI {
	t.Helper()
	u, err := message.ParseURI(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestWhatAContactSaysOfPush(t *testing.T) {
	for name, tc := range map[string]struct {
		params string
		old    bool
		want   Target
		ok     bool
		query  bool
	}{
		"nothing":             {"", false, Target{}, false, false},
		"all three":           {";pn-provider=APNS;pn-prid=t1;pn-param=TEAM.app.voip", false, Target{"apns", "t1", "TEAM.app.voip"}, true, false},
		"escaped":             {";pn-provider=webpush;pn-prid=https%3A%2F%2Fpush.test%2Fa%2Bb", false, Target{"webpush", "https://push.test/a+b", ""}, true, false},
		"a plus is a plus":    {";pn-provider=fcm;pn-prid=a+b%26c;pn-param=p", false, Target{"fcm", "a+b&c", "p"}, true, false},
		"query for all":       {";pn-provider", false, Target{}, true, true},
		"query for one":       {";pn-provider=fcm", false, Target{Provider: "fcm"}, true, true},
		"old names":           {";app-id=org.linphone.phone.prod;pn-type=apple;pn-tok=t2", true, Target{"apns", "t2", "org.linphone.phone"}, true, false},
		"old names, Android":  {";app-id=929724111839;pn-type=firebase;pn-tok=t3", true, Target{"fcm", "t3", "929724111839"}, true, false},
		"old names, no type":  {";app-id=x;pn-tok=t3", true, Target{}, false, false},
		"old names not asked": {";app-id=x;pn-type=apple;pn-tok=t2", false, Target{}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, ok := FromURI(uri(t, "sip:1001@10.0.0.1;transport=tcp"+tc.params), tc.old)
			if a.PRID != tc.want.PRID || a.Provider != tc.want.Provider || a.Param != tc.want.Param || ok != tc.ok || a.Query != tc.query {
				t.Errorf("%q %q %q, %v, query %v", a.Provider, a.PRID, a.Param, ok, a.Query)
			}
		})
	}
}

func TestBareContactHasNoToken(t *testing.T) {
	got := Bare(uri(t, "sip:1001@[2001:db8::1]:5061;transport=tls;pn-provider=apns;pn-prid=secret;pn-param=x;pn-silent=1;app-id=y;pn-tok=secret;ob"))
	if want := "sip:1001@[2001:db8::1]:5061;transport=tls;ob"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNoVerbPrintsAToken(t *testing.T) {
	m := Message{Target: Target{"apns", "secret-token", "x"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, m.Target); strings.Contains(got, "secret-token") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestAppleTargets(t *testing.T) {
	for name, tc := range map[string]struct {
		prid, param  string
		token, topic string
		voip         bool
		quiet        bool
	}{
		"RFC 8599":         {"t", "DEF123GHIJ.com.example.app.voip", "t", "com.example.app.voip", true, false},
		"no team":          {"t", "com.example.app", "t", "com.example.app", false, false},
		"several services": {"a:remote&b:voip", "DEF123GHIJ.com.example.app.remote&voip", "b", "com.example.app.voip", true, false},
		"remote only":      {"a:remote", "DEF123GHIJ.com.example.app.remote", "a", "com.example.app", false, false},
		"quiet":            {"a:remote&b:voip", "DEF123GHIJ.com.example.app.remote&voip", "a", "com.example.app", false, true},
		"quiet, VoIP only": {"b", "DEF123GHIJ.com.example.app.voip", "b", "com.example.app.voip", true, true},
		"nothing":          {"t", "", "t", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			token, topic, voip := Target{"apns", tc.prid, tc.param}.apns(tc.quiet)
			if token != tc.token || topic != tc.topic || voip != tc.voip {
				t.Errorf("%s %s %v", token, topic, voip)
			}
		})
	}
}

func TestProvidersThatCannotWork(t *testing.T) {
	for name, tc := range map[string]struct {
		p    Provider
		want string
	}{
		"apns by default": {Provider{Name: "apns"}, ""},
		"fcm by default":  {Provider{Name: "fcm", Token: "x"}, ""},
		"json, loopback":  {Provider{Name: "webpush", URL: "http://127.0.0.1:9/push"}, ""},
		"no name":         {Provider{URL: "https://h/"}, "is not the name"},
		"name of a list":  {Provider{Name: "a,b", URL: "https://h/"}, "is not the name"},
		"no URL":          {Provider{Name: "webpush"}, "url is missing"},
		"plain HTTP":      {Provider{Name: "webpush", URL: "http://push.test/"}, "is not https"},
		"not a URL":       {Provider{Name: "webpush", URL: "push.test"}, "is not https://host/path"},
		"a password":      {Provider{Name: "webpush", URL: "https://a:b@push.test/"}, "is not https://host/path"},
		"host by device":  {Provider{Name: "webpush", URL: "https://{param}.push.test/"}, "must not choose the host"},
		"placeholder":     {Provider{Name: "webpush", URL: "https://push.test/{token}"}, "another placeholder"},
		"form":            {Provider{Name: "x", URL: "https://h/", Form: "xml"}, "none of apns, fcm and json"},
		"two tokens":      {Provider{Name: "fcm", Token: "a", TokenFile: "b"}, "exclude"},
		"header":          {Provider{Name: "fcm", Headers: map[string]string{"a": "b\r\nc: d"}}, "is no header"},
		"too patient":     {Provider{Name: "fcm", Timeout: maxTimeout + 1}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.p.Validate()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
