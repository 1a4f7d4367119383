package csvimport

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ha1(alg, user, realm, pass string) string {
	sum := md5.Sum([]byte(user + ":" + realm + ":" + pass))
	h := hex.EncodeToString(sum[:])
	if alg == "SHA-256" {
		h += h // of the right length, which is all the directory asks
	}
	return h
}

func house(t testing.TB) (*directory.Directory, *sim.Store, Options) {
	t.Helper()
	st := sim.New(sim.Options{})
	t.Cleanup(func() { _ = st.Close() })
	d, err := directory.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"one.test"}, Realm: "one.test"}
	if err := d.Apply(t.Context(), directory.Edit{Domains: []presence.Domain{dom}}); err != nil {
		t.Fatal(err)
	}
	return d, st, Options{Directory: d, Domain: dom.ID, HA1: ha1}
}

func run(t *testing.T, o Options, file string) Report {
	t.Helper()
	r, err := Import(t.Context(), o, strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func counts(r Report) string {
	return fmt.Sprintf("%d lines: %d created, %d updated, %d unchanged, %d failed", r.Lines, r.Created, r.Updated, r.Unchanged, r.Failed)
}

const head = "number,password,name,team\n"

func TestNewAgentHasItsDevices(t *testing.T) {
	d, _, o := house(t)
	if got := counts(run(t, o, head+"1001,secret,Ada Lark,sales; night;sales\n")); got != "1 lines: 1 created, 0 updated, 0 unchanged, 0 failed" {
		t.Fatal(got)
	}
	a, ok := d.AgentByNumber(o.Domain, "1001")
	if !ok || a.Name != "Ada Lark" || fmt.Sprint(a.Teams) != "[sales night]" || a.LoginHash != "" || a.AORs[0] != "1001@one.test" || !a.Settings.Options.Any() {
		t.Fatalf("agent %+v", a)
	}
	want := map[presence.DeviceKind]string{presence.KindDesk: "1001", presence.KindSoft: "1001-soft", presence.KindMobile: "1001-mobile", presence.KindWebphone: ""}
	devices := d.DevicesOf(a.ID, time.Now())
	if len(devices) != len(want) {
		t.Fatalf("%d devices", len(devices))
	}
	for _, dev := range devices {
		creds := d.CredentialsOf(dev.ID)
		user := want[dev.Kind]
		if user == "" {
			if len(creds) != 0 {
				t.Errorf("the webphone has user names: %v", creds)
			}
			continue
		}
		if len(creds) != 1 || creds[0].Username != user || creds[0].HA1.MD5 != ha1("MD5", user, "one.test", "secret") || creds[0].HA1.SHA256 == "" {
			t.Errorf("%s: %+v", dev.Kind, creds)
		}
	}
}

func TestAgain(t *testing.T) {
	d, _, o := house(t)
	run(t, o, head+"1001,pw,Ada,sales\n1002,pw,Ben,sales\n")
	before, _ := d.AgentByNumber(o.Domain, "1001")
	for _, c := range []struct{ name, file, want string }{
		{"the same", head + "1001,pw,Ada,sales\n1002,pw,Ben,sales\n", "2 lines: 0 created, 0 updated, 2 unchanged, 0 failed"},
		{"a name", head + "1001,pw,Ada L,sales\n1002,pw,Ben,sales\n", "2 lines: 0 created, 1 updated, 1 unchanged, 0 failed"},
		{"a password", head + "1001,new,Ada L,sales\n", "1 lines: 0 created, 1 updated, 0 unchanged, 0 failed"},
		{"a team", head + "1001,new,Ada L,support\n", "1 lines: 0 created, 1 updated, 0 unchanged, 0 failed"},
		{"no password keeps it", head + "1001,,Ada L,support\n", "1 lines: 0 created, 0 updated, 1 unchanged, 0 failed"},
		{"columns left out stay", "number\n1001\n", "1 lines: 0 created, 0 updated, 1 unchanged, 0 failed"},
		{"other order", "team,name,number\nnight,Ada L,1001\n", "1 lines: 0 created, 1 updated, 0 unchanged, 0 failed"},
	} {
		if got := counts(run(t, o, c.file)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	after, _ := d.AgentByNumber(o.Domain, "1001")
	if after.ID != before.ID || after.Name != "Ada L" || fmt.Sprint(after.Teams) != "[night]" {
		t.Errorf("agent %+v", after)
	}
	if cred, _ := d.Credential(o.Domain, "1001-soft"); cred.HA1.MD5 != ha1("MD5", "1001-soft", "one.test", "new") {
		t.Error("the password set before was lost")
	}
	if n := len(d.DevicesOf(after.ID, time.Now())); n != 4 {
		t.Errorf("%d devices after importing again", n)
	}
}

func TestMissingDeviceIsMade(t *testing.T) {
	d, _, o := house(t)
	run(t, o, head+"1001,pw,Ada,sales\n")
	cred, _ := d.Credential(o.Domain, "1001-mobile")
	if err := d.Apply(t.Context(), directory.Edit{DeleteDevices: []presence.DeviceID{cred.Device}}); err != nil {
		t.Fatal(err)
	}
	if got := counts(run(t, o, head+"1001,pw,Ada,sales\n")); got != "1 lines: 0 created, 1 updated, 0 unchanged, 0 failed" {
		t.Error(got)
	}
	if _, ok := d.Credential(o.Domain, "1001-mobile"); !ok {
		t.Error("the mobile was not made")
	}
}

func TestMistakesByLine(t *testing.T) {
	for name, c := range map[string]struct {
		line, field, says string
	}{
		"no number":          {",pw,Ada,sales", "number", "missing"},
		"blank number":       {"  ,pw,Ada,sales", "number", "missing"},
		"number with spaces": {"10 01,pw,Ada,sales", "number", "letters, digits"},
		"address as number":  {"a@b,pw,Ada,sales", "number", "letters, digits"},
		"long number":        {strings.Repeat("1", 57) + ",pw,Ada,sales", "number", "longer"},
		"no password":        {"1001,,Ada,sales", "password", "missing"},
		"long password":      {"1001," + strings.Repeat("p", 257) + ",Ada,sales", "password", "longer"},
		"control character":  {"1001,pw,A\x07da,sales", "name", "control"},
		"not UTF-8":          {"1001,pw,A\xffda,sales", "name", "control"},
		"too many columns":   {"1001,pw,Ada,sales,more", "", "wrong number of fields"},
		"too few columns":    {"1001,pw", "", "wrong number of fields"},
		"lone quote":         {`1001,"pw"x,Ada,sales`, "", "quote"},
		"many teams":         {"1001,pw,Ada," + strings.Join(strings.Split("abcdefghijklmnopq", ""), ";"), "team", "more than 16"},
		"twice":              {"1000,pw,Again,sales", "number", "line 2"},
		"taken by suffix":    {"1000-soft,pw,Sly,sales", "number", "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _, o := house(t)
			r := run(t, o, head+"1000,pw,First,sales\n"+c.line+"\n1009,pw,Last,sales\n")
			if r.Failed != 1 || r.Created != 2 || len(r.Errors) != 1 {
				t.Fatalf("%s: %v", counts(r), r.Errors)
			}
			if e := r.Errors[0]; e.Line != 3 || e.Field != c.field || !strings.Contains(e.Message, c.says) {
				t.Errorf("mistake %+v, want %q of %q in line 3", e, c.says, c.field)
			}
			if _, ok := d.AgentByNumber(o.Domain, "1009"); !ok {
				t.Error("the good line after it was lost")
			}
		})
	}
}

func TestLineNumbersWithLineBreaksInQuotes(t *testing.T) {
	_, _, o := house(t)
	r := run(t, o, "number,password,name,team\r\n1000,\"p,\"\"w\",\"First\",sales\r\n\r\n1001,pw,\"two\nlines\",sales\r\n,pw,x,y\r\n")
	if r.Created != 1 || len(r.Errors) != 2 || r.Errors[0].Line != 4 || r.Errors[1].Line != 6 {
		t.Errorf("%s: %v", counts(r), r.Errors)
	}
}

func TestUserNameOfAnotherDevice(t *testing.T) {
	d, _, o := house(t)
	run(t, o, head+"1001,pw,Ada,sales\n")
	a, _ := d.AgentByNumber(o.Domain, "1001")
	dev := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: o.Domain, Kind: presence.KindSoft, Name: "x"}
	err := d.Apply(t.Context(), directory.Edit{
		Devices:     []presence.Device{dev},
		Assignments: []presence.Assignment{{Device: dev.ID, Agent: a.ID, From: time.Now()}},
		Credentials: []presence.Credential{{Domain: o.Domain, Device: dev.ID, Username: "1002-mobile", HA1: presence.HA1{MD5: ha1("MD5", "", "", "")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, o, head+"1002,pw,Ben,sales\n1003,pw,Cleo,sales\n")
	if r.Created != 1 || r.Failed != 1 || r.Errors[0].Line != 2 || !strings.Contains(r.Errors[0].Message, "1002-mobile") {
		t.Errorf("%s: %v", counts(r), r.Errors)
	}
}

// What only the directory finds wrong costs that line alone.
func TestDirectoryRefusesOneLine(t *testing.T) {
	d, _, o := house(t)
	if err := d.Apply(t.Context(), directory.Edit{Agents: []presence.Agent{{ID: presence.AgentID{ID: presence.NewID()}, Domain: o.Domain, Number: "9", AORs: []string{"1002@one.test"}}}}); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		o.DryRun = dry
		r := run(t, o, head+"1001,pw,Ada,sales\n1002,pw,Ben,sales\n1003,pw,Cleo,sales\n")
		if r.Created != 2 || r.Failed != 1 || len(r.Errors) != 1 || r.Errors[0].Line != 3 || !strings.Contains(r.Errors[0].Message, "address of record") {
			t.Errorf("dry %v: %s: %v", dry, counts(r), r.Errors)
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	d, st, o := house(t)
	o.DryRun = true
	rows := st.Stats().Rows
	if got := counts(run(t, o, head+"1001,pw,Ada,sales\n")); got != "1 lines: 1 created, 0 updated, 0 unchanged, 0 failed" {
		t.Error(got)
	}
	if agents, _ := d.Len(); agents != 0 || st.Stats().Rows != rows {
		t.Error("a dry run changed something")
	}
}

func TestHeader(t *testing.T) {
	for name, c := range map[string]struct{ in, says string }{
		"empty":          {"", "empty"},
		"unknown column": {"number,colour\n", "colour"},
		"twice":          {"number,name,Number\n", "twice"},
		"no number":      {"name,password\n", "no column"},
		"data at once":   {"1001,pw,Ada,sales\n", "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, o := house(t)
			if _, err := Import(t.Context(), o, strings.NewReader(c.in)); !errors.Is(err, ErrHeader) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	_, _, o := house(t)
	if got := counts(run(t, o, "\uFEFFNumber, Password ,NAME,Teams\n1001,pw,Ada,sales\n")); !strings.Contains(got, "1 created") {
		t.Errorf("a spreadsheet's header: %s", got)
	}
}

func TestImportStops(t *testing.T) {
	t.Run("store fails", func(t *testing.T) {
		d, st, o := house(t)
		st.FailNext(1)
		if r, err := Import(t.Context(), o, strings.NewReader(head+"1001,pw,Ada,sales\n")); !errors.Is(err, sim.ErrInjected) || r.Created != 0 {
			t.Errorf("%v, %s", err, counts(r))
		}
		if _, ok := d.AgentByNumber(o.Domain, "1001"); ok {
			t.Error("an agent that is not durable is shown")
		}
	})
	t.Run("reader fails", func(t *testing.T) {
		_, _, o := house(t)
		broken := errors.New("broken")
		in := io.MultiReader(strings.NewReader(head+"1001,pw,Ada,sales\n"), failing{broken})
		if _, err := Import(t.Context(), o, in); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		_, _, o := house(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Import(ctx, o, strings.NewReader(head+"1001,pw,Ada,sales\n")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestErrorsAreBounded(t *testing.T) {
	_, _, o := house(t)
	o.Errors = 3
	r := run(t, o, head+strings.Repeat(",pw,x,y\n", 10))
	if len(r.Errors) != 3 || r.Left != 7 || r.Failed != 10 {
		t.Errorf("%d errors, %d left out, %s", len(r.Errors), r.Left, counts(r))
	}
}

func TestChunks(t *testing.T) {
	d, _, o := house(t)
	o.Chunk = 7
	if got := counts(run(t, o, head+lines(50))); got != "50 lines: 50 created, 0 updated, 0 unchanged, 0 failed" {
		t.Error(got)
	}
	if agents, devices := d.Len(); agents != 50 || devices != 200 {
		t.Errorf("%d agents, %d devices", agents, devices)
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%06d,pw-%d,Agent %d,team-%d\n", 100000+i, i, i, i%40)
	}
	return b.String()
}

func BenchmarkImport(b *testing.B) {
	const n = 100_000
	file := head + lines(n)
	for b.Loop() {
		_, _, o := house(b)
		r, err := Import(b.Context(), o, strings.NewReader(file))
		if err != nil || r.Created != n {
			b.Fatal(err, counts(r))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/agent")
}
