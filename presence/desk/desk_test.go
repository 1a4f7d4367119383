package desk

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office has the hot desk "hot", the desk "home" that is 1001's apart from
// logins, and a phone that is not shared; agents 1001 to 1003.
type office struct {
	t      *testing.T
	store  *sim.Store
	dir    *directory.Directory
	desks  *Desks
	dom    presence.DomainID
	agents map[string]presence.AgentID
	dev    map[string]presence.DeviceID
}

func open(t *testing.T, f func(*office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &office{t: t, store: sim.New(sim.Options{}), dom: presence.DomainID{ID: presence.NewID()},
			agents: map[string]presence.AgentID{}, dev: map[string]presence.DeviceID{}}
		defer o.store.Close()
		var err error
		if o.dir, err = directory.Open(t.Context(), o.store); err != nil {
			t.Fatal(err)
		}
		e := directory.Edit{Domains: []presence.Domain{{ID: o.dom, Names: []string{"ex.test"}, Realm: "ex.test"}}}
		for _, n := range []string{"1001", "1002", "1003"} {
			o.agents[n] = presence.AgentID{ID: presence.NewID()}
			e.Agents = append(e.Agents, presence.Agent{ID: o.agents[n], Domain: o.dom, Number: n})
		}
		for _, n := range []string{"hot", "home", "own"} {
			o.dev[n] = presence.DeviceID{ID: presence.NewID()}
			e.Devices = append(e.Devices, presence.Device{ID: o.dev[n], Domain: o.dom, Kind: presence.KindDesk, Name: n, Shared: n != "own"})
		}
		e.Assignments = []presence.Assignment{{Device: o.dev["home"], Agent: o.agents["1001"]}, {Device: o.dev["own"], Agent: o.agents["1001"]}}
		if err := o.dir.Apply(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		o.desks, err = New(Options{Directory: o.dir, Hash: func(pin string) string { return "#" + pin },
			Verify: func(hash, pin string) (bool, error) { return hash == "#"+pin, nil }})
		if err != nil {
			t.Fatal(err)
		}
		f(o)
	})
}

func (o *office) login(desk, number string) error {
	_, err := o.desks.Login(o.t.Context(), Login{Device: o.dev[desk], Number: number, Actor: "test"})
	return err
}

func (o *office) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// whose is the agent whose desk it is, "" for nobody's.
func (o *office) whose(desk string) string {
	a, held := o.dir.Holder(o.dev[desk], time.Now())
	for n, id := range o.agents {
		if held && id == a {
			return n
		}
	}
	return ""
}

func (o *office) want(desk, number string) {
	o.t.Helper()
	if got := o.whose(desk); got != number {
		o.t.Errorf("desk %s is %q's, want %q: %+v", desk, got, number, o.dir.AssignmentsOf(o.dev[desk]))
	}
}

func TestLoginEndsWithTheShift(t *testing.T) {
	open(t, func(o *office) {
		o.ok(o.login("hot", "1002"))
		o.want("hot", "1002")
		time.Sleep(12*time.Hour - time.Second)
		o.want("hot", "1002")
		time.Sleep(time.Second)
		o.want("hot", "")
	})
}

func TestLogoutEndsItEarlier(t *testing.T) {
	open(t, func(o *office) {
		o.ok(o.login("hot", "1002"))
		time.Sleep(time.Hour)
		o.ok(o.desks.Logout(t.Context(), o.dev["hot"], "test"))
		o.want("hot", "")
		if err := o.desks.Logout(t.Context(), o.dev["hot"], "test"); !errors.Is(err, ErrDesk) {
			t.Errorf("a second logout: %v", err)
		}
	})
}

func TestDeskGoesBackToWhoseItIsOtherwise(t *testing.T) {
	open(t, func(o *office) {
		o.ok(o.login("home", "1002"))
		o.want("home", "1002")
		time.Sleep(time.Hour)
		o.ok(o.login("home", "1003")) // takes it over
		o.want("home", "1003")
		time.Sleep(time.Hour)
		o.ok(o.desks.Logout(t.Context(), o.dev["home"], "test"))
		o.want("home", "1001")
		if err := o.desks.Logout(t.Context(), o.dev["home"], "test"); !errors.Is(err, ErrDesk) {
			t.Errorf("logging its owner out: %v", err)
		}
		o.ok(o.login("home", "1002"))
		time.Sleep(13 * time.Hour)
		o.want("home", "1001")
		time.Sleep(1000 * time.Hour)
		o.want("home", "1001")
	})
}

func TestLoginInTheSameMoment(t *testing.T) {
	open(t, func(o *office) {
		for _, desk := range []string{"hot", "home"} {
			for _, n := range []string{"1001", "1002", "1002", "1003"} { // the clock stands
				o.ok(o.login(desk, n))
				o.want(desk, n)
			}
			if n := len(o.dir.AssignmentsOf(o.dev[desk])); n > 3 {
				t.Errorf("%d assignments", n)
			}
			o.ok(o.desks.Logout(t.Context(), o.dev[desk], "test"))
		}
		o.want("hot", "")
		o.want("home", "1001")
	})
}

func TestPlannedAssignmentCutsALoginShort(t *testing.T) {
	open(t, func(o *office) {
		from := time.Now().Add(2 * time.Hour)
		o.ok(o.dir.Apply(t.Context(), directory.Edit{Assignments: []presence.Assignment{{Device: o.dev["hot"], Agent: o.agents["1003"], From: from, To: from.Add(time.Hour)}}}))
		o.ok(o.login("hot", "1002"))
		time.Sleep(2 * time.Hour)
		o.want("hot", "1003")
		time.Sleep(time.Hour)
		o.want("hot", "")
	})
}

func TestADeskRemembersFewLogins(t *testing.T) {
	open(t, func(o *office) {
		for range 100 {
			o.ok(o.login("home", "1002"))
			time.Sleep(time.Hour)
		}
		if n := len(o.dir.AssignmentsOf(o.dev["home"])); n > kept+3 {
			t.Errorf("%d assignments are remembered", n)
		}
		o.ok(o.desks.Logout(t.Context(), o.dev["home"], "test"))
		o.want("home", "1001")
	})
}

func TestWhatIsNoHotDesk(t *testing.T) {
	open(t, func(o *office) {
		if err := o.login("own", "1002"); !errors.Is(err, ErrDesk) {
			t.Errorf("a phone that is not shared: %v", err)
		}
		if err := o.login("none", "1002"); !errors.Is(err, ErrDesk) {
			t.Errorf("a phone that is not there: %v", err)
		}
		if err := o.login("hot", "1009"); !errors.Is(err, ErrProof) {
			t.Errorf("an agent that is not there: %v", err)
		}
		o.want("own", "1001")
		if got := o.dir.Shared(o.dom); len(got) != 2 || got[0].Name != "home" || got[1].Name != "hot" {
			t.Errorf("shared are %+v", got)
		}
	})
}

func TestPIN(t *testing.T) {
	open(t, func(o *office) {
		try := func(number, pin string) error {
			_, err := o.desks.Login(t.Context(), Login{Device: o.dev["hot"], Number: number, PIN: pin, Proof: true})
			return err
		}
		o.ok(o.desks.SetPIN(t.Context(), o.agents["1002"], "2468", "test"))
		for _, wrong := range []string{"", "123", "12345678901234", "12a4", "****"} {
			if err := o.desks.SetPIN(t.Context(), o.agents["1002"], wrong, "test"); wrong != "" && !errors.Is(err, directory.ErrInvalid) {
				t.Errorf("PIN %q: %v", wrong, err)
			}
		}
		o.ok(o.desks.SetPIN(t.Context(), o.agents["1002"], "2468", "test"))
		var texts []string
		for _, c := range [][2]string{{"1002", "1111"}, {"1002", ""}, {"1001", "2468"}, {"1009", "2468"}} {
			err := try(c[0], c[1])
			if !errors.Is(err, ErrProof) {
				t.Fatalf("%v: %v", c, err)
			}
			texts = append(texts, err.Error())
		}
		if strings.Join(texts, "") != strings.Repeat(texts[0], 4) {
			t.Errorf("what is wrong is told apart: %q", texts)
		}
		o.ok(try("1002", "2468")) // the fifth
		o.want("hot", "1002")
	})
}

func TestWrongPINsAreLimited(t *testing.T) {
	open(t, func(o *office) {
		o.ok(o.desks.SetPIN(t.Context(), o.agents["1002"], "2468", "test"))
		try := func(desk, pin string) error {
			_, err := o.desks.Login(t.Context(), Login{Device: o.dev[desk], Number: "1002", PIN: pin, Proof: true})
			return err
		}
		for range burst {
			if err := try("hot", "0000"); !errors.Is(err, ErrProof) {
				t.Fatal(err)
			}
		}
		for _, desk := range []string{"hot", "home"} { // the agent is held to it at other desks, too
			if err := try(desk, "2468"); !errors.Is(err, ErrTooMany) {
				t.Errorf("at %s: %v", desk, err)
			}
		}
		time.Sleep(refill)
		o.ok(try("hot", "2468"))
		o.ok(try("hot", "2468"))
	})
}

// Whoever has a PIN must not earn guesses at others' by it.
func TestARightPINForgivesNoWrongOnes(t *testing.T) {
	open(t, func(o *office) {
		for _, n := range []string{"1001", "1002", "1003"} {
			o.ok(o.desks.SetPIN(t.Context(), o.agents[n], "2468", "test"))
		}
		try := func(number, pin string) error {
			_, err := o.desks.Login(t.Context(), Login{Device: o.dev["hot"], Number: number, PIN: pin, Proof: true})
			return err
		}
		for _, number := range []string{"1002", "1003", "1002", "1003"} {
			if err := try(number, "0000"); !errors.Is(err, ErrProof) {
				t.Fatal(err)
			}
			o.ok(try("1001", "2468"))
		}
		if err := try("1009", "0000"); !errors.Is(err, ErrProof) {
			t.Fatal(err) // the fifth
		}
		if err := try("1003", "0000"); !errors.Is(err, ErrTooMany) {
			t.Errorf("the sixth wrong PIN at the desk: %v", err)
		}
	})
}

// The time an answer takes tells who has a PIN as well as its words would.
func TestAPINIsLookedAtWhoeverIsNamed(t *testing.T) {
	open(t, func(o *office) {
		o.ok(o.desks.SetPIN(t.Context(), o.agents["1002"], "2468", "test"))
		var looked []string
		desks, err := New(Options{Directory: o.dir, Hash: func(pin string) string { return "#" + pin },
			Verify: func(hash, pin string) (bool, error) {
				looked = append(looked, hash)
				return true, nil
			}})
		o.ok(err)
		for _, number := range []string{"1001", "1009"} { // without PIN, and nobody
			_, err := desks.Login(t.Context(), Login{Device: o.dev["hot"], Number: number, PIN: "1111", Proof: true})
			if !errors.Is(err, ErrProof) {
				t.Errorf("%s: %v", number, err)
			}
		}
		if len(looked) != 2 {
			t.Errorf("looked at %q", looked)
		}
	})
}

func TestTriesAreBounded(t *testing.T) {
	tr, now := newTries(4), time.Now()
	for _, k := range []string{"a", "b"} {
		if !tr.take([]string{k, k + "2"}, now) {
			t.Fatal("refused")
		}
	}
	if tr.take([]string{"c", "c2"}, now) {
		t.Error("more keys than there is room for")
	}
	if !tr.take([]string{"c", "c2"}, now.Add(refill)) {
		t.Error("refused, though what there was is forgotten")
	}
}

func TestAFailedCommitMovesNothing(t *testing.T) {
	open(t, func(o *office) {
		o.ok(o.login("home", "1002"))
		o.store.FailNext(1)
		if err := o.login("home", "1003"); err == nil {
			t.Error("no error")
		}
		o.want("home", "1002")
	})
}
