package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

type list struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	URI     string   `json:"uri"`
	Members []string `json:"members"`
}

func listCommand(r *remote) *cobra.Command {
	var owner string
	c := &cobra.Command{Use: "list", Short: "Lists that phones watch with one subscription: show, set, remove"}
	c.PersistentFlags().StringVar(&owner, "agent", "", "this agent's own lists instead of the domain's")
	c.AddCommand(listShow(r, &owner), listSet(r, &owner), listRemove(r, &owner))
	return c
}

// listsPath is where the domain's lists are, or an agent's.
func listsPath(owner string, name ...string) string {
	path := "/lists"
	if owner != "" {
		path = "/agents/" + url.PathEscape(owner) + path
	}
	for _, n := range name {
		path += "/" + url.PathEscape(n)
	}
	return path
}

func listShow(r *remote, owner *string) *cobra.Command {
	return &cobra.Command{
		Use: "show [NAME]", Short: "Show the lists and what a phone's list key is pointed at", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out struct {
				list
				Lists []list `json:"lists"`
			}
			shown, err := r.call(cmd, "GET", listsPath(*owner, args...), nil, nil, &out)
			if !shown || err != nil {
				return err
			}
			if len(args) > 0 {
				out.Lists = []list{out.list}
			}
			rows := [][]string{{"NAME", "KIND", "ADDRESS", "MEMBERS"}}
			for _, l := range out.Lists {
				rows = append(rows, []string{l.Name, l.Kind, l.URI, strings.Join(l.Members, ",")})
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
}

func listSet(r *remote, owner *string) *cobra.Command {
	return &cobra.Command{
		Use: "set NAME [MEMBER...]", Short: "Make a list, or replace its members", Args: cobra.MinimumNArgs(1),
		Example: "  lamplight list set front-desk 1001 1002 park-1",
		RunE: func(cmd *cobra.Command, args []string) error {
			var l list
			shown, err := r.call(cmd, "PUT", listsPath(*owner, args[0]), nil, map[string][]string{"members": args[1:]}, &l)
			if shown && err == nil {
				cmd.Printf("%s has %d members; phones subscribe to %s\n", l.Name, len(l.Members), l.URI)
			}
			return err
		},
	}
}

func listRemove(r *remote, owner *string) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a list; phones that watch it are told", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := r.call(cmd, "DELETE", listsPath(*owner, args[0]), nil, nil, nil)
			return err
		},
	}
}
