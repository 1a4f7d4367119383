package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func statusCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "Agents' status: show, set"}
	c.AddCommand(statusShow(r), statusSet(r))
	return c
}

func statusShow(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show [AGENT]", Short: "Show one agent with devices and reasons, or everybody", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listAgents(r, cmd, "", "")
			}
			var a agent
			shown, err := r.call(cmd, "GET", "/agents/"+url.PathEscape(args[0]), nil, nil, &a)
			if !shown || err != nil {
				return err
			}
			return printAgent(cmd, a)
		},
	}
}

func printAgent(cmd *cobra.Command, a agent) error {
	own := a.Status.Own.Text
	if a.Status.Own.Why != "" {
		own += " (" + a.Status.Own.Why + ")"
	}
	rows := [][]string{
		{"agent", a.Number + " " + a.Name},
		{"team sees", a.Status.Team.line(a.Status.Team.Text)},
		{"agent sees", a.Status.Own.line(own)},
		{"reachable", strings.TrimSuffix(yes(a.Reachable)+", "+a.Why, ", ")},
	}
	for _, w := range a.Warnings {
		rows = append(rows, []string{"warning", w})
	}
	for _, d := range a.Devices {
		state := "would ring"
		if !d.Enabled || !d.Reachable {
			state = d.Why
		}
		rows = append(rows, []string{d.Kind, strings.TrimSpace(d.Name + " " + d.Contact), state})
	}
	return table(cmd.OutOrStdout(), rows)
}

// line is a view in one line; the cause is empty before anything was heard.
func (v view) line(text string) string {
	text += " for " + duration(v.Duration)
	if v.Cause != "" {
		text += ", cause: " + v.Cause
	}
	return text
}

func statusSet(r *remote) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "set AGENT STATUS", Short: "Select a status for an agent", Args: cobra.ExactArgs(2),
		Long: "Select available, do_not_disturb (dnd), or a custom status by its name.\n" +
			"On a Call, Wrap Up, Outbound Calls Only and Offline follow from facts and can be set by nobody.",
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]string{"status": statusWord(args[1]), "reason": reason}
			if body["status"] == "custom" {
				body["custom"] = args[1]
			}
			var out struct {
				Explanation string `json:"explanation"`
			}
			shown, err := r.call(cmd, "PUT", "/agents/"+url.PathEscape(args[0])+"/status", nil, body, &out)
			if shown && err == nil {
				cmd.Println(out.Explanation)
			}
			return err
		},
	}
	c.Flags().StringVar(&reason, "reason", "set from the command line", "why, for the history")
	return c
}

// statusWord is the API's word for a status as people write it: "Do Not Disturb",
// dnd. What is none of the fixed ones is a custom one.
func statusWord(s string) string {
	switch word := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(s)); word {
	case "available", "do_not_disturb", "on_a_call", "wrap_up", "outbound_calls_only", "offline":
		return word
	case "dnd":
		return "do_not_disturb"
	}
	return "custom"
}

func routeCommand(r *remote) *cobra.Command {
	var kind, caller, group string
	var redirect bool
	c := &cobra.Command{
		Use: "route AGENT", Short: "Ask where a call to an agent would go, and why", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"agent": args[0], "kind": kind, "redirect": redirect}
			if caller != "" {
				body["caller"] = caller
			}
			if group != "" {
				body["group"] = group
			}
			var d decision
			shown, err := r.call(cmd, "POST", "/route", nil, body, &d)
			if !shown || err != nil {
				return err
			}
			return d.print(cmd)
		},
	}
	c.Flags().StringVar(&kind, "kind", "regular", "regular, campaign or internal")
	c.Flags().StringVar(&caller, "caller", "", "who calls")
	c.Flags().StringVar(&group, "group", "", "the call comes by way of this group")
	c.Flags().BoolVar(&redirect, "redirect", false, "the caller must reach the contacts by itself")
	return c
}

// decision is the part of a routing answer that is printed.
type decision struct {
	Explanation string `json:"explanation"`
	Steps       []struct {
		After   float64 `json:"after_seconds"`
		Targets []struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
			URI  string `json:"uri"`
		} `json:"targets"`
	} `json:"steps"`
	Devices []struct {
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		Taken  bool   `json:"taken"`
		Reason string `json:"reason"`
	} `json:"devices"`
}

func (d decision) print(cmd *cobra.Command) error {
	cmd.Println(d.Explanation)
	var rows [][]string
	for i, s := range d.Steps {
		for _, t := range s.Targets {
			rows = append(rows, []string{fmt.Sprintf("  step %d, after %gs", i+1, s.After), t.Kind, strings.TrimSpace(t.Name + " " + t.URI)})
		}
	}
	for _, v := range d.Devices {
		what := "left out"
		if v.Taken {
			what = "taken"
		}
		rows = append(rows, []string{"  " + what, strings.TrimSpace(v.Kind + " " + v.Name), v.Reason})
	}
	return table(cmd.OutOrStdout(), rows)
}
