package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type waiter struct {
	Position int     `json:"position"`
	Caller   string  `json:"caller"`
	CallID   string  `json:"call_id"`
	Waited   float64 `json:"waited_seconds"`
	Offered  string  `json:"offered_to"`
}

// groupWaiting shows who waits for a group, or, without one, how many for each.
func groupWaiting(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "waiting [NUMBER]", Short: "Show who waits for a ring group; without a number how many wait for each", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return waitingLines(r, cmd)
			}
			var list struct {
				Waiting []waiter `json:"waiting"`
			}
			shown, err := r.call(cmd, "GET", groupPath(args[0])+"/waiting", nil, nil, &list)
			if !shown || err != nil {
				return err
			}
			rows := [][]string{{"POSITION", "CALLER", "WAITED", "OFFERED TO", "CALL-ID"}}
			for _, w := range list.Waiting {
				rows = append(rows, []string{strconv.Itoa(w.Position), printable(w.Caller), waited(w.Waited), w.Offered, printable(w.CallID)})
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
}

func waitingLines(r *remote, cmd *cobra.Command) error {
	var list struct {
		Lines []struct {
			Group   string  `json:"group"`
			Name    string  `json:"name"`
			Size    int     `json:"size"`
			Waiting int     `json:"waiting"`
			Longest float64 `json:"longest_seconds"`
		} `json:"lines"`
	}
	shown, err := r.call(cmd, "GET", "/waiting", nil, nil, &list)
	if !shown || err != nil {
		return err
	}
	rows := [][]string{{"NUMBER", "NAME", "WAITING", "MOST", "LONGEST"}}
	for _, l := range list.Lines {
		rows = append(rows, []string{l.Group, printable(l.Name), strconv.Itoa(l.Waiting), strconv.Itoa(l.Size), waited(l.Longest)})
	}
	return table(cmd.OutOrStdout(), rows)
}

func waited(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
