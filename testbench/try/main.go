// Command try plays the parts around a running demo by hand, where no phone is
// at hand: a desk phone, a lamp key, a PBX.
//
//	go run ./testbench/try phone 1001        registers 1001's desk phone until Ctrl-C
//	go run ./testbench/try watch 1001        prints 1001's lamp at every change until Ctrl-C
//	go run ./testbench/try list team-sales  prints the lamps of a list, likewise
//	go run ./testbench/try talk 1001         a PBX says that 1001 is talking, until Ctrl-C
//	go run ./testbench/try call 1001         a PBX asks where 1001 is
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"lamplight/testbench/load/phone"
)

// scene is who plays where.
type scene struct {
	server, domain, kind string
	as                   string // the agent whose phone watches a list
	number               string
}

func main() {
	var s scene
	flag.StringVar(&s.server, "server", "127.0.0.1:5060", "SIP address of the server, UDP")
	flag.StringVar(&s.domain, "domain", "demo.lamplight.test", "SIP domain")
	flag.StringVar(&s.as, "as", "1012", "agent whose phone watches a list")
	flag.StringVar(&s.kind, "kind", "regular", "kind of call: regular, campaign, internal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := s.play(ctx, flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func (s *scene) play(ctx context.Context, part, number string) error {
	parts := map[string]func(context.Context, *phone.Line) error{
		"phone": s.phone, "watch": s.watch, "list": s.list, "talk": s.talk, "call": s.call,
	}
	f, ok := parts[part]
	if !ok || number == "" {
		return errors.New("usage: try [-server A] [-domain D] [-kind K] [-as AGENT] phone|watch|list|talk|call NUMBER")
	}
	s.number = number
	line, err := phone.UDP("127.0.0.1", s.server)
	if err != nil {
		return err
	}
	defer line.Close()
	return f(ctx, line)
}

// device is the desk phone of an agent of the demo.
func (s *scene) device(line *phone.Line) *phone.Phone {
	return &phone.Phone{Line: line, User: s.number, Number: s.number, Domain: s.domain, Password: "demo-" + s.number}
}

func (s *scene) aor() string { return "sip:" + s.number + "@" + s.domain }

// period is asked for by registrations and subscriptions, in seconds.
const period = 120

func (s *scene) phone(ctx context.Context, line *phone.Line) error {
	p := s.device(line)
	contact := p.Contact(1)
	for {
		res, err := p.Register(fmt.Sprintf("%s;expires=%d", contact, period))
		if err := said("REGISTER", res, err); err != nil {
			return err
		}
		fmt.Println("registered", contact, "(Ctrl-C ends it)")
		select {
		case <-ctx.Done():
			res, err := p.Register(contact + ";expires=0")
			return said("un-REGISTER", res, err)
		case <-time.After(period * 3 / 4 * time.Second):
		}
	}
}

func (s *scene) watch(ctx context.Context, line *phone.Line) error {
	changes := make(chan phone.State, 16)
	w := &phone.Watch{Phone: s.device(line), Target: s.number, Event: "dialog", OnNotify: func(w *phone.Watch) {
		select {
		case changes <- w.State():
		default: // a screen too slow to follow shows the newest state with the next change
		}
	}}
	for {
		res, err := w.Subscribe(period)
		if err := said("SUBSCRIBE", res, err); err != nil {
			return err
		}
		refresh := time.After(period * 3 / 4 * time.Second)
		for again := false; !again; {
			select {
			case st := <-changes:
				fmt.Printf("%s  lamp of %s: %-10s  (%s, CSeq %d, version %d)\n",
					time.Now().Format(time.TimeOnly), s.number, st.Lamp, st.Sub, st.CSeq, st.Version)
			case <-refresh:
				again = true
			case <-ctx.Done():
				res, err := w.Subscribe(0)
				return said("un-SUBSCRIBE", res, err)
			}
		}
	}
}

func (s *scene) talk(ctx context.Context, line *phone.Line) error {
	pbx := s.device(line)
	pbx.Anonymous = true // the demo trusts this machine's UDP
	pub := &phone.Publisher{Phone: pbx, AOR: s.aor(), Kind: s.kind}
	call := fmt.Sprintf("try-%d", time.Now().UnixNano())
	for _, state := range []string{"early", "confirmed"} {
		res, err := pub.Publish(call, state, period)
		if err := said("PUBLISH "+state, res, err); err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	fmt.Println("talking (Ctrl-C hangs up)")
	for {
		select {
		case <-ctx.Done():
			res, err := pub.Publish(call, "terminated", period)
			return said("PUBLISH terminated", res, err)
		case <-time.After(period * 3 / 4 * time.Second):
			res, err := pub.Publish(call, "confirmed", period)
			if err := said("PUBLISH confirmed", res, err); err != nil {
				return err
			}
		}
	}
}

func (s *scene) call(_ context.Context, line *phone.Line) error {
	pbx := s.device(line)
	pbx.Anonymous = true
	id := fmt.Sprintf("try-%d", time.Now().UnixNano())
	head := "From: <sip:+390612345@carrier.test>;tag=try\r\nCall-ID: " + id + "\r\n"
	res, err := pbx.Do("INVITE", s.aor(), func() string {
		return head + "To: <" + s.aor() + ">\r\nCSeq: 1 INVITE\r\nContact: <sip:pbx@" + line.Addr() + ">\r\n" +
			"X-Lamplight-Call-Kind: " + s.kind + "\r\n"
	}, "")
	if err != nil {
		return fmt.Errorf("INVITE: %w", err)
	}
	start, _, _ := strings.Cut(string(res.Raw), "\r\n")
	fmt.Println(start)
	for _, name := range []string{"Contact", "Reason", "Warning"} {
		for _, v := range res.All(name) {
			fmt.Printf("%s: %s\n", name, v)
		}
	}
	// RFC 3261 §17.1.1.3: a final answer that is no 2xx is acknowledged on the
	// branch of the INVITE.
	return line.Send([]byte("ACK " + s.aor() + " SIP/2.0\r\nVia: " + res.Get("Via") + "\r\nMax-Forwards: 70\r\n" + head +
		"To: " + res.Get("To") + "\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"))
}

// said prints a final answer; one that is no success is an error.
func said(what string, res phone.Response, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	start, _, _ := strings.Cut(string(res.Raw), "\r\n")
	if res.Status >= 300 {
		return fmt.Errorf("%s was answered %s", what, start)
	}
	fmt.Println(what+":", start)
	return nil
}
