package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/cmd/lamplight/internal/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// net/http keeps idle client connections for the process's life.
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// command runs the command line and returns what it printed.
func command(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetIn(strings.NewReader(stdin))
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// demo serves the demo's configuration on free ports until the test ends, and
// points the command line at it.
func demo(t *testing.T) (stop func() error) {
	t.Helper()
	b, err := os.ReadFile("../../configs/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	var api string
	for _, a := range []string{"5060", "5061", "8080", "8443", "8444"} {
		addr := free(t)
		switch a {
		case "8080":
			api = addr
		case "5060":
			t.Setenv("DEMO_SIP", addr)
		}
		text = strings.ReplaceAll(text, "127.0.0.1:"+a, addr)
	}
	file := filepath.Join(t.TempDir(), "demo.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAMPLIGHT_API", "http://"+api)
	t.Setenv("LAMPLIGHT_TOKEN", "demo-admin")
	t.Setenv("LAMPLIGHT_LOG_LEVEL", "error")
	return serving(t, file, t.TempDir(), api)
}

func serving(t *testing.T, file, data, api string) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var banner bytes.Buffer
	go func() { ended <- serve(ctx, &banner, file, data) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		if res, err := http.Get("http://" + api + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return stop
			}
		}
		select {
		case err := <-ended:
			stopped = true // nothing more comes of it
			t.Fatalf("the server ended at start: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not ready after 30 s")
		}
	}
}

func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestCommandsAskARunningServer(t *testing.T) {
	demo(t)
	csv := filepath.Join(t.TempDir(), "agents.csv")
	if err := os.WriteFile(csv, []byte("number,password,name,team\n2001,s3cret-2001,Nora Fields,sales\n2002,s3cret-2002,Omar Reyes,support\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("number,password,name,team\n2003,s3cret-2003,Pia,sales\n,no-number,X,sales\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var deviceID string
	for _, step := range []struct {
		args  string
		stdin string
		want  string // a regular expression over output and error
		fails bool
	}{
		{args: "status show", want: `(?s)NUMBER.*1001 +Ada Lindgren +sales +Offline.*1012`},
		{args: "status show 1001", want: `(?s)team sees +Offline.*left out|no .* registered`},
		{args: "status show 9999", want: `9999`, fails: true},
		{args: "status set 1001 Lunch", want: `Offline`},
		{args: "status set 1001 on_a_call", want: `.`, fails: true},
		{args: "status set 1001 Siesta", want: `Siesta`, fails: true},
		{args: "route 1001", want: `480`},
		{args: "route 1001 --kind nonsense", want: `kind must be one of`, fails: true},
		{args: "agent add 1099 --name Quinn --team sales", want: `added 1099`},
		{args: "agent add 1099 --name Twice", want: `1099`, fails: true},
		{args: "agent set 1099 --name Quinn2", want: ``},
		{args: "agent set 1099", want: `nothing to change`, fails: true},
		{args: "agent list --team sales", want: `1099 +Quinn2`},
		{args: "agent set-password 1099", stdin: "long-enough-password\n", want: ``},
		{args: "agent set-password 1099", stdin: "", want: `no password`, fails: true},
		{args: "device add 1099 --kind desk --username 1099 --password wTq8-secret", want: `added desk device (\S+)`},
		{args: "device list 1099", want: `desk .*1099`},
		{args: "device set 1099 DEVICE --name Window", want: ``},
		{args: "device set-password 1099 DEVICE", stdin: "another-secret\n", want: ``},
		{args: "device list 1099", want: `Window`},
		{args: "device remove 1099 DEVICE", want: ``},
		{args: "list set Window 1001 1099 park-1", want: `window has 3 members; phones subscribe to sip:list-window@demo.lamplight.test`},
		{args: "list set window 10@elsewhere.test", want: `not of the domain`, fails: true},
		{args: "list set --agent 1099 mine 1002", want: `mine has 1 members`},
		{args: "list show", want: `(?s)window +domain +sip:list-window@demo.lamplight.test +1001,1099,park-1.*sales +team +sip:team-sales@demo.lamplight.test +1001,`},
		{args: "list show mine --agent 1099", want: `mine +agent +sip:list-mine@demo.lamplight.test +1002`},
		{args: "list show mine", want: `no list`, fails: true},
		{args: "list remove mine --agent 1099", want: ``},
		{args: "list remove window", want: ``},
		{args: "list remove window", want: `no list`, fails: true},
		{args: "group list", want: `(?s)600 +Sales +regular +longest_idle +20s +team sales +20.*610 +Support +regular +skills +20s +1007:9,1008:5,1009:5,1010 +50`},
		{args: "group set 620 1099 1001:7 --name Night --strategy skills --ring 15s --fallback 600", want: `620 +Night +regular +skills +15s +1099,1001:7 +600`},
		{args: "group set 620 --team support --queue 5", want: `620 +Night +regular +skills +15s +1099,1001:7,team support +5 +600`},
		{args: "group set 620 1002 --fallback= --team=", want: `620 +Night +regular +skills +15s +1002 +5\n$`},
		{args: "group set 620 --aliases +4930620,621", want: `620,\+4930620,621 +Night`},
		{args: "group show 621", want: `620,\+4930620,621 +Night`},
		{args: "group set 620 1002:11", want: `a level is a number from 1 to 10`, fails: true},
		{args: "group set 620 9999", want: `no agent 9999`, fails: true},
		{args: "group set 1001 1002", want: `Ada Lindgren's`, fails: true},
		{args: "group set 620 --strategy best", want: `strategy`, fails: true},
		{args: "group members 620", want: `(?s)Nobody of group 620 is asked: Nobody is there \(480\)\..*1002 +Bruno Costa +1 +- +0 +0 +`},
		{args: "group members 620 --json", want: `"members":\[\{"agent":"1002"`},
		{args: "group remove 620", want: ``},
		{args: "group show 620", want: `no group 620`, fails: true},
		{args: "watcher list", want: `^WATCHED +EVENT +WATCHER +STATUS +FROM\n$`},
		{args: "watcher list 1001 --pending", want: `^WATCHED`},
		{args: "watcher deny 1001 1099", want: ``},
		{args: "watcher allow 1001 peer:demo-pbx", want: ``},
		{args: "watcher allow 1001 9999", want: `9999`, fails: true},
		{args: "watcher list 1001 --json", want: `"agent":"1099","name":"Quinn2","allow":false`},
		{args: "phones", want: `(?s)MATCH +QUIRKS.*Poly +xpidf.*JsSIP +none`},
		{args: "phones Linphone-Desktop/5", want: `Linphone +linphone_list`},
		{args: "phones Nobody's", want: `not in the table`},
		{args: "phones --config ../../configs/demo.yaml snomD785", want: `snom +none`},
		{args: "agent remove 1099", want: ``},
		{args: "agent remove 1099", want: `1099`, fails: true},
		{args: "import " + csv + " --dry-run", want: `would import 2 agents: 2 new`},
		{args: "status show 2001", want: `2001`, fails: true},
		{args: "import " + csv, want: `imported 2 agents: 2 new`},
		{args: "import " + csv, want: `2 as they were`},
		{args: "import " + bad, want: `bad.csv:3: `, fails: true},
		{args: "status show 2003", want: `Pia`},
		{args: "import nowhere.csv", want: `nowhere.csv`, fails: true},
		{args: "status show 1001 --json", want: `^\{.*"number":"1001"`},
		{args: "--token wrong status show", want: `.`, fails: true},
		{args: "--server http://127.0.0.1:1 status show", want: `is the server running`, fails: true},
	} {
		out, err := command(t, step.stdin, strings.Fields(strings.ReplaceAll(step.args, "DEVICE", deviceID))...)
		if (err != nil) != step.fails {
			t.Errorf("%s: error %v\n%s", step.args, err, out)
		}
		if err != nil {
			out += err.Error()
		}
		m := regexp.MustCompile(step.want).FindStringSubmatch(out)
		if m == nil {
			t.Errorf("%s: printed %q, want %s", step.args, out, step.want)
		}
		if len(m) == 2 && m[1] != "" {
			deviceID = m[1]
		}
	}
}

func TestInitWritesAConfigurationThatServes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lamplight.yaml")
	out, err := command(t, "127.0.0.1\ncalls.example\n\n", "init", "--out", file, "--admin-password", "a-long-password")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`lp_\S+`).FindString(out)
	if token == "" || bytes.Contains(b, []byte(token)) || bytes.Contains(b, []byte("a-long-password")) {
		t.Fatalf("token %q: secrets belong on the screen, not in the file:\n%s", token, b)
	}
	if st, _ := os.Stat(file); st.Mode().Perm() != 0o600 {
		t.Errorf("the file is readable by others: %s", st.Mode())
	}
	if _, err := command(t, "", "init", "--out", file, "--address", "127.0.0.1", "--domain", "x.example", "--admin", "1"); err == nil {
		t.Error("an existing file was overwritten")
	}
	if out, err := command(t, "", "check", file); err != nil || !strings.Contains(out, "good") {
		t.Errorf("check: %v %s", err, out)
	}

	text := string(b)
	var api string
	for _, a := range []string{"5060", "5061", "8080", "8443", "8444"} {
		addr := free(t)
		switch a {
		case "8080":
			api = addr
		case "5060":
			t.Setenv("DEMO_SIP", addr)
		}
		text = strings.ReplaceAll(text, `["127.0.0.1:`+a+`"]`, `["`+addr+`"]`)
		text = strings.ReplaceAll(text, `udp: "127.0.0.1:`+a+`"`, `udp: "`+addr+`"`)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAMPLIGHT_LOG_LEVEL", "error")
	serving(t, file, t.TempDir(), api)
	t.Setenv("LAMPLIGHT_API", "http://"+api)
	t.Setenv("LAMPLIGHT_TOKEN", token)
	if out, err := command(t, "", "status", "show", "1000"); err != nil || !strings.Contains(out, "Administrator") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestInitRefusesNonsense(t *testing.T) {
	for name, args := range map[string]string{
		"address":         "--address here --domain a.example --admin 1",
		"domain":          "--address 127.0.0.1 --domain a_b! --admin 1",
		"admin":           "--address 127.0.0.1 --domain a.example --admin n\"1",
		"half a key pair": "--address 127.0.0.1 --domain a.example --admin 1 --key k.pem",
		"no answers":      "",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "l.yaml")
			if out, err := command(t, "", append([]string{"init", "--out", file}, strings.Fields(args)...)...); err == nil {
				t.Errorf("accepted: %s", out)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("a broken file was left behind")
			}
		})
	}
}

func TestCheckCountsMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "l.yaml")
	if err := os.WriteFile(file, []byte("sip:\n  udp: [nowhere]\nlog:\n  level: loud\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := command(t, "", "check", file)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{file + ":2: sip.udp[0]", file + ":4: log.level", "domains: at least one", "3 mistakes"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%s", want, err)
		}
	}
}

func TestADemoDatabaseIsNotServedToTheWorld(t *testing.T) {
	data := t.TempDir()
	demo, err := load("../../configs/demo.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	demo.SIP, demo.HTTP, demo.Webphone.UDP = config.SIP{UDP: []string{free(t)}, UDPReaders: 1}, config.HTTP{}, ""
	s, err := server.Start(t.Context(), demo, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	world := *demo
	world.Demo, world.Tokens, world.Domains = false, nil, []config.Domain{{Name: "demo.lamplight.test", Realm: "demo.lamplight.test"}}
	world.SIP.UDP = []string{"0.0.0.0:0"}
	s, err = server.Start(t.Context(), &world, zerolog.Nop())
	if err == nil {
		_ = s.Close()
		t.Fatal("served beyond loopback with demo passwords")
	}
	if !strings.Contains(err.Error(), "demo password") {
		t.Errorf("the refusal does not say why: %v", err)
	}
}

func Example_duration() {
	fmt.Println(duration(7), duration(754), duration(3723))
	// Output: 0:07 12:34 1:02:03
}
