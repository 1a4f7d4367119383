package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lamplight/cmd/lamplight/internal/client"
)

type ringGroup struct {
	Number   string        `json:"number"`
	Aliases  []string      `json:"aliases"`
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	Strategy string        `json:"strategy"`
	Team     string        `json:"team"`
	Members  []groupMember `json:"members"`
	Ring     float64       `json:"ring_seconds"`
	Fallback string        `json:"fallback"`
	Queue    struct {
		Size int `json:"size"`
	} `json:"queue"`
}

type groupMember struct {
	Agent string `json:"agent"`
	Level int    `json:"level,omitempty"`
}

func (m groupMember) String() string {
	if m.Level > 1 {
		return m.Agent + ":" + strconv.Itoa(m.Level)
	}
	return m.Agent
}

// groupTable prints groups in columns.
func groupTable(cmd *cobra.Command, groups ...ringGroup) error {
	rows := [][]string{{"NUMBER", "NAME", "KIND", "STRATEGY", "RING", "MEMBERS", "QUEUE", "FALLBACK"}}
	for i := range groups {
		rows = append(rows, groups[i].row())
	}
	return table(cmd.OutOrStdout(), rows)
}

func (g *ringGroup) row() []string {
	var members []string
	for _, m := range g.Members {
		members = append(members, m.String())
	}
	if g.Team != "" {
		members = append(members, "team "+g.Team)
	}
	queue := ""
	if g.Queue.Size > 0 {
		queue = strconv.Itoa(g.Queue.Size)
	}
	ring := time.Duration(g.Ring * float64(time.Second)).String()
	return []string{strings.Join(append([]string{g.Number}, g.Aliases...), ","), printable(g.Name), g.Kind, g.Strategy, ring, printable(strings.Join(members, ",")), queue, g.Fallback}
}

func groupCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "group", Short: "Ring groups, numbers that several agents answer: list, show, set, remove, members, waiting"}
	c.AddCommand(groupList(r), groupShow(r), groupSet(r), groupRemove(r), groupWaiting(r), groupMembersNow(r))
	return c
}

func groupPath(number string) string { return "/groups/" + url.PathEscape(number) }

func groupList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the ring groups", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct {
				Groups []ringGroup `json:"groups"`
			}
			shown, err := r.call(cmd, "GET", "/groups", nil, nil, &list)
			if !shown || err != nil {
				return err
			}
			return groupTable(cmd, list.Groups...)
		},
	}
}

func groupShow(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show NUMBER", Short: "Show a ring group", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var g ringGroup
			shown, err := r.call(cmd, "GET", groupPath(args[0]), nil, nil, &g)
			if !shown || err != nil {
				return err
			}
			return groupTable(cmd, g)
		},
	}
}

// groupFlags are what set changes; the names of the API's fields are theirs.
type groupFlags struct {
	name, kind, strategy, team, fallback string
	aliases                              []string
	ring, rest                           time.Duration
	level, queue                         int
}

func groupSet(r *remote) *cobra.Command {
	var f groupFlags
	c := &cobra.Command{
		Use: "set NUMBER [MEMBER[:LEVEL]...]", Short: "Make a ring group, or change one", Args: cobra.MinimumNArgs(1),
		Long: "Makes the ring group of this number, or changes what is named of one that is there. Members are agents'\n" +
			"numbers in the order of the sequential strategy, each with a level from 1 to 10 for the skills strategy;\n" +
			"where some are named they replace those of before.",
		Example: "  lamplight group set 600 --name Sales --team sales --strategy longest_idle\n" +
			"  lamplight group set 610 1007:9 1008:5 1009 --strategy skills --ring 15s --fallback 600",
		RunE: func(cmd *cobra.Command, args []string) error {
			members, err := groupMembers(args[1:])
			if err != nil {
				return err
			}
			whole, err := r.groupNow(cmd, args[0])
			if err != nil {
				return err
			}
			if len(members) > 0 {
				whole["members"] = members
			}
			f.into(cmd, whole)
			var g ringGroup
			shown, err := r.call(cmd, "PUT", groupPath(args[0]), nil, whole, &g)
			if !shown || err != nil {
				return err
			}
			return groupTable(cmd, g)
		},
	}
	c.Flags().StringVar(&f.name, "name", "", "name shown to people")
	c.Flags().StringSliceVar(&f.aliases, "aliases", nil, "numbers that are dialled for it too, with commas between")
	c.Flags().StringVar(&f.kind, "kind", "", "regular, or campaign: offered to webphones only")
	c.Flags().StringVar(&f.strategy, "strategy", "", "all, round_robin, longest_idle, fewest_calls, sequential or skills")
	c.Flags().StringVar(&f.team, "team", "", "everybody of this team is a member, after those named; \"\" for none")
	c.Flags().StringVar(&f.fallback, "fallback", "", "where calls go that nobody takes: a URI, or a number; \"\" for the domain's")
	c.Flags().DurationVar(&f.ring, "ring", 0, "how long a call is offered to one member")
	c.Flags().DurationVar(&f.rest, "rest", 0, "for how long a member is skipped who did not take a call")
	c.Flags().IntVar(&f.level, "level", 0, "the lowest level of a member who is offered the calls")
	c.Flags().IntVar(&f.queue, "queue", 0, "how many callers may wait")
	return c
}

// groupMembers reads 1001 and 1001:7.
func groupMembers(args []string) ([]groupMember, error) {
	var out []groupMember
	for _, arg := range args {
		agent, level, has := strings.Cut(arg, ":")
		m := groupMember{Agent: agent}
		if has {
			n, err := strconv.Atoi(level)
			if err != nil || n < 1 || n > 10 {
				return nil, fmt.Errorf("%q: a level is a number from 1 to 10", arg)
			}
			m.Level = n
		}
		out = append(out, m)
	}
	return out, nil
}

// groupNow is the group as it may be sent back; empty where there is none yet.
func (r *remote) groupNow(cmd *cobra.Command, number string) (map[string]any, error) {
	whole := make(map[string]any)
	c := client.Client{Server: r.server, Token: r.token, Domain: r.domain}
	err := c.Call(cmd.Context(), "GET", groupPath(number), nil, nil, &whole)
	var no *client.Error
	if errors.As(err, &no) && no.Status == http.StatusNotFound {
		return map[string]any{"members": []groupMember{}}, nil
	}
	delete(whole, "id")
	delete(whole, "number")
	return whole, err
}

// into puts what was said on the command line into the group.
func (f *groupFlags) into(cmd *cobra.Command, whole map[string]any) {
	for flag, value := range map[string]any{
		"name": f.name, "kind": f.kind, "strategy": f.strategy, "team": f.team, "fallback": f.fallback, "level": f.level, "aliases": f.aliases,
	} {
		if cmd.Flags().Changed(flag) {
			whole[flag] = value
		}
	}
	if cmd.Flags().Changed("ring") {
		whole["ring_seconds"] = f.ring.Seconds()
	}
	if cmd.Flags().Changed("rest") {
		whole["rest_seconds"] = f.rest.Seconds()
	}
	if cmd.Flags().Changed("queue") {
		q, _ := whole["queue"].(map[string]any)
		if q == nil {
			q = make(map[string]any)
		}
		q["size"] = f.queue
		whole["queue"] = q
	}
}

func groupRemove(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "remove NUMBER", Short: "Remove a ring group; calls that it has go on", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := r.call(cmd, "DELETE", groupPath(args[0]), nil, nil, nil)
			return err
		},
	}
}
