package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type (
	// told is a call as the API tells it.
	told struct {
		CallID     string         `json:"call_id"`
		Decisions  []toldDecision `json:"decisions"`
		Unreadable []uint64       `json:"unreadable"`
		Back       time.Time      `json:"back_to"`
		Next       uint64         `json:"next"`
	}
	toldDecision struct {
		About    string `json:"about"`
		Kind     string `json:"kind"`
		Caller   string `json:"caller"`
		Group    string `json:"group"`
		Number   string `json:"number"`
		Shown    string `json:"shown"`
		Actor    string `json:"actor"`
		Decision struct {
			ID    string `json:"id"`
			Agent struct {
				Number string `json:"number"`
				Name   string `json:"name"`
			} `json:"agent"`
			At          time.Time    `json:"at"`
			Explanation string       `json:"explanation"`
			Devices     []toldDevice `json:"devices"`
		} `json:"decision"`
		Status   int       `json:"status"`
		Contacts []string  `json:"contacts"`
		LeftOut  []string  `json:"left_out"`
		Tries    []toldTry `json:"tries"`
		Replay   struct {
			Text string `json:"text"`
		} `json:"replay"`
	}
	toldDevice struct {
		ID     string `json:"id"`
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		Taken  bool   `json:"taken"`
		Reason string `json:"reason"`
	}
	toldTry struct {
		Target string  `json:"target"`
		Agent  string  `json:"agent"`
		Kind   string  `json:"kind"`
		Name   string  `json:"name"`
		What   string  `json:"what"`
		Status int     `json:"status"`
		After  float64 `json:"after_seconds"`
	}
	// toldCall is a decision in short.
	toldCall struct {
		CallID      string    `json:"call_id"`
		At          time.Time `json:"at"`
		Caller      string    `json:"caller"`
		Number      string    `json:"number"`
		Status      int       `json:"status"`
		Explanation string    `json:"explanation"`
	}
)

func whyCommand(r *remote) *cobra.Command {
	var agent, group string
	var hours, limit int
	var before uint64
	c := &cobra.Command{
		Use: "why [CALL-ID]", Short: "What became of a call, and why; or the newest calls of an agent or ring group", Args: cobra.MaximumNArgs(1),
		Long: "Tells every decision about a SIP call: which devices were called and what each answered, which were\n" +
			"left out and why, and whether the recorded inputs give the same decision again.\n" +
			"With --agent or --group alone it lists the newest calls of the agent or ring group with their Call-IDs.",
		Example: "  lamplight why --agent 1001\n  lamplight why 3c26700c1adb-k9mvz5r0sfxw@192.0.2.17",
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if before > 0 {
				query.Set("before", strconv.FormatUint(before, 10))
			}
			if len(args) == 0 {
				query.Set("limit", strconv.Itoa(limit))
				switch {
				case group != "":
					return r.newestCalls(cmd, groupPath(group), query)
				case agent != "":
					return r.newestCalls(cmd, "/agents/"+url.PathEscape(agent), query)
				}
				return errors.New("name a Call-ID, an agent with --agent, or a group with --group")
			}
			query.Set("hours", strconv.Itoa(hours))
			if agent != "" {
				query.Set("agent", agent)
			}
			var call told
			shown, err := r.call(cmd, "GET", "/calls/"+url.PathEscape(args[0]), query, nil, &call)
			if !shown || err != nil {
				return err
			}
			return call.story(cmd.OutOrStdout(), time.Local)
		},
	}
	c.Flags().StringVar(&agent, "agent", "", "only decisions about this agent; without a Call-ID the agent's newest calls")
	c.Flags().StringVar(&group, "group", "", "a ring group's newest calls, without a Call-ID")
	c.Flags().IntVar(&hours, "hours", 24, "how far back to look for a Call-ID")
	c.Flags().IntVar(&limit, "limit", 20, "how many calls of an agent")
	c.Flags().Uint64Var(&before, "before", 0, "go on looking from here, as the answer before said")
	return c
}

// newestCalls lists those of an agent or a group.
func (r *remote) newestCalls(cmd *cobra.Command, of string, query url.Values) error {
	var out struct {
		Calls      []toldCall `json:"calls"`
		Unreadable []uint64   `json:"unreadable"`
		Next       uint64     `json:"next"`
	}
	shown, err := r.call(cmd, "GET", of+"/calls", query, nil, &out)
	if !shown || err != nil {
		return err
	}
	rows := [][]string{{"WHEN", "CALL-ID", "FROM OR TO", "STATUS", "DECISION"}}
	for _, c := range out.Calls {
		status := "-"
		if c.Status > 0 {
			status = strconv.Itoa(c.Status)
		}
		rows = append(rows, []string{c.At.Local().Format(time.DateTime), printable(cmp.Or(c.CallID, "-")), printable(cmp.Or(c.Caller, c.Number, "-")), status, printable(c.Explanation)})
	}
	if err := table(cmd.OutOrStdout(), rows); err != nil {
		return err
	}
	return unread(cmd.OutOrStdout(), out.Unreadable, out.Next)
}

// unread says what is not shown.
func unread(w io.Writer, bad []uint64, next uint64) (err error) {
	if len(bad) > 0 {
		_, err = fmt.Fprintf(w, "%d entries of the log cannot be read: %s\n", len(bad), strings.Trim(fmt.Sprint(bad), "[]"))
	}
	if next > 0 && err == nil {
		_, err = fmt.Fprintf(w, "there may be more: --before %d\n", next)
	}
	return err
}

// story tells the call for people.
func (c *told) story(w io.Writer, zone *time.Location) error {
	for i := range c.Decisions {
		for _, line := range c.Decisions[i].lines(zone) {
			if _, err := fmt.Fprintln(w, printable(line)); err != nil {
				return err
			}
		}
	}
	return unread(w, c.Unreadable, c.Next)
}

// lines are the head, one for each device and each other target, and the end.
func (d *toldDecision) lines(zone *time.Location) []string {
	out := []string{d.head(zone), "  " + d.Decision.Explanation}
	if d.Shown != "" {
		out = append(out, "  the other side is shown "+d.Shown)
	}
	said := make(map[string]bool)
	after := slices.Clone(d.LeftOut)
	for _, dev := range d.Decision.Devices {
		if dev.Kind == "member" {
			out = append(out, "  "+d.member(&dev, said))
			continue
		}
		said[dev.ID] = true
		prefix := dev.Kind + " " + dev.ID + ": "
		i := slices.IndexFunc(after, func(s string) bool { return strings.HasPrefix(s, prefix) })
		what := d.tried(dev.ID)
		switch {
		case i >= 0:
			what = append(what, "left out: "+strings.TrimPrefix(after[i], prefix))
			after = slices.Delete(after, i, i+1)
		case !dev.Taken:
			what = append(what, "left out: "+dev.Reason)
		case len(what) == 0 && len(d.Tries) > 0:
			what = []string{"not called"}
		case len(what) == 0:
			what = []string{dev.Reason}
		}
		out = append(out, "  "+deviceText(dev.Kind, dev.Name)+": "+strings.Join(what, ", "))
	}
	for _, t := range d.Tries {
		if !said[t.Target] {
			said[t.Target] = true
			out = append(out, "  "+cmp.Or(deviceText(t.Kind, t.Name), t.Target)+": "+strings.Join(d.tried(t.Target), ", "))
		}
	}
	for _, text := range after {
		out = append(out, "  left out: "+text)
	}
	return append(out, d.end()...)
}

// member is one of a ring group: why he was asked or not, and what each of his
// devices did.
func (d *toldDecision) member(m *toldDevice, said map[string]bool) string {
	text := strings.TrimSpace(m.ID+" "+m.Name) + ": "
	if !m.Taken {
		text += "left out: "
	}
	text += m.Reason
	for _, t := range d.Tries {
		if t.Agent == m.ID && !said[t.Target] {
			said[t.Target] = true
			text += "; " + cmp.Or(deviceText(t.Kind, t.Name), t.Target) + " " + strings.Join(d.tried(t.Target), ", ")
		}
	}
	return text
}

func (d *toldDecision) head(zone *time.Location) string {
	who := strings.TrimSpace(d.Decision.Agent.Number + " " + d.Decision.Agent.Name)
	text := d.Decision.At.In(zone).Format("2006-01-02 15:04:05") + " call"
	if d.Number != "" {
		return text + " of " + cmp.Or(who, "nobody known") + " to " + d.Number + ", asked by " + d.Actor
	}
	if d.Caller != "" {
		text += " from " + d.Caller
	}
	if d.About != "" {
		who = d.About + " " + who
	}
	text += " to " + cmp.Or(who, "nobody known") + " (" + cmp.Or(d.Kind, "regular")
	if d.Group != "" && d.About == "" {
		text += ", by way of " + d.Group
	}
	return text + "), asked by " + d.Actor
}

// tried is what happened to one target, in order.
func (d *toldDecision) tried(id string) (what []string) {
	for _, t := range d.Tries {
		if t.Target != id {
			continue
		}
		text := t.What
		if t.What != "called" || t.After >= 0.05 {
			text += " after " + strconv.FormatFloat(t.After, 'f', 1, 64) + " s"
		}
		if t.Status > 0 {
			text += " with " + strconv.Itoa(t.Status)
		}
		what = append(what, text)
	}
	return what
}

// end is the final answer and what is known of the decision itself.
func (d *toldDecision) end() []string {
	var out []string
	switch {
	case d.Status > 0 && len(d.Contacts) > 0:
		out = append(out, fmt.Sprintf("  answered with %d: %s", d.Status, strings.Join(d.Contacts, ", ")))
	case d.Status > 0:
		out = append(out, fmt.Sprintf("  answered with %d", d.Status))
	}
	return append(out, "  decision "+d.Decision.ID+": "+d.Replay.Text)
}

// deviceText is a device in words; empty if nothing is known of it.
func deviceText(kind, name string) string {
	switch kind {
	case "desk":
		kind = "desk phone"
	case "soft":
		kind = "softphone"
	}
	return strings.TrimSpace(kind + " " + name)
}

// printable keeps what strangers wrote from steering the terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if !strconv.IsPrint(c) {
			return '?'
		}
		return c
	}, s)
}
