package main

import (
	"strconv"

	"github.com/spf13/cobra"
)

// groupMembersNow shows whom a group's next call would be offered.
func groupMembersNow(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "members NUMBER", Short: "Show whom a ring group's next call would be offered, and why the others not", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out struct {
				Explanation string `json:"explanation"`
				Members     []struct {
					Agent  string `json:"agent"`
					Name   string `json:"name"`
					Level  int    `json:"level"`
					Turn   int    `json:"turn"`
					Reason string `json:"reason"`
					Calls  int    `json:"calls_today"`
					Missed int    `json:"missed"`
				} `json:"members"`
			}
			shown, err := r.call(cmd, "GET", groupPath(args[0])+"/members", nil, nil, &out)
			if !shown || err != nil {
				return err
			}
			cmd.Println(printable(out.Explanation))
			rows := [][]string{{"AGENT", "NAME", "LEVEL", "TURN", "CALLS TODAY", "MISSED", "BECAUSE"}}
			for _, m := range out.Members {
				turn := "-"
				if m.Turn > 0 {
					turn = strconv.Itoa(m.Turn)
				}
				rows = append(rows, []string{m.Agent, printable(m.Name), strconv.Itoa(m.Level), turn, strconv.Itoa(m.Calls), strconv.Itoa(m.Missed), printable(m.Reason)})
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
}
