package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// view, agent and outcome are the parts of API answers that are printed.
type view struct {
	Text     string `json:"text"`
	Cause    string `json:"cause"`
	Why      string `json:"why"`
	Duration int    `json:"duration_seconds"`
}

type agent struct {
	Number string   `json:"number"`
	Name   string   `json:"name"`
	Teams  []string `json:"teams"`
	Role   string   `json:"role"`
	Status struct {
		Team view `json:"team"`
		Own  view `json:"own"`
	} `json:"status"`
	Reachable bool   `json:"reachable"`
	Why       string `json:"why"`
	Warnings  []string
	Devices   []struct {
		Kind      string `json:"kind"`
		Name      string `json:"name"`
		Contact   string `json:"contact"`
		Enabled   bool   `json:"enabled"`
		Reachable bool   `json:"reachable"`
		Why       string `json:"why"`
	} `json:"devices"`
}

func agentCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "agent", Short: "Agents: add, list, set, remove, set password"}
	c.AddCommand(agentAdd(r), agentList(r), agentSet(r), agentRemove(r), agentPassword(r), agentPIN(r))
	return c
}

func agentAdd(r *remote) *cobra.Command {
	var name, role, password string
	var teams []string
	c := &cobra.Command{
		Use: "add NUMBER", Short: "Add an agent", Args: cobra.ExactArgs(1),
		Example: "  lamplight agent add 1042 --name 'Nora Fields' --team sales",
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" {
				name = args[0]
			}
			body := map[string]any{"number": args[0], "name": name}
			if len(teams) > 0 {
				body["teams"] = teams
			}
			if role != "" {
				body["role"] = role
			}
			if password != "" {
				body["login_password"] = password
			}
			shown, err := r.call(cmd, "POST", "/agents", nil, body, nil)
			if shown && err == nil {
				cmd.Printf("added %s; next: lamplight device add %s --kind desk --username %s --password …\n", args[0], args[0], args[0])
			}
			return err
		},
	}
	c.Flags().StringVar(&name, "name", "", "name shown to people")
	c.Flags().StringSliceVar(&teams, "team", nil, "team, may be repeated")
	c.Flags().StringVar(&role, "role", "", "agent, supervisor or admin")
	c.Flags().StringVar(&password, "login-password", "", "password of the pages")
	return c
}

func agentList(r *remote) *cobra.Command {
	var team, status string
	c := &cobra.Command{
		Use: "list", Short: "List agents with their status", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listAgents(r, cmd, team, status) },
	}
	c.Flags().StringVar(&team, "team", "", "only this team")
	c.Flags().StringVar(&status, "status", "", "only this team status, as in do_not_disturb")
	return c
}

func listAgents(r *remote, cmd *cobra.Command, team, status string) error {
	q := url.Values{"limit": {"500"}}
	if team != "" {
		q.Set("team", team)
	}
	if status != "" {
		q.Set("status", status)
	}
	rows := [][]string{{"NUMBER", "NAME", "TEAMS", "STATUS", "FOR", "CAUSE", "REACHABLE"}}
	err := pages(cmd.Context(), q, func(q url.Values) (string, error) {
		var page struct {
			Agents []agent `json:"agents"`
			Next   string  `json:"next"`
		}
		shown, err := r.call(cmd, "GET", "/agents", q, nil, &page)
		if !shown {
			return "", err
		}
		for _, a := range page.Agents {
			t := a.Status.Team
			rows = append(rows, []string{a.Number, a.Name, strings.Join(a.Teams, ","), t.Text, duration(t.Duration), t.Cause, yes(a.Reachable)})
		}
		return page.Next, err
	})
	if err != nil || r.json {
		return err
	}
	return table(cmd.OutOrStdout(), rows)
}

// duration writes whole seconds as 1:02:03.
func duration(s int) string {
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func agentSet(r *remote) *cobra.Command {
	var name, role, number string
	var teams []string
	c := &cobra.Command{
		Use: "set AGENT", Short: "Change an agent's name, number, teams or role", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := changed(cmd, map[string]any{"name": &name, "role": &role, "number": &number, "team": &teams})
			if t, ok := body["team"]; ok {
				body["teams"] = t
				delete(body, "team")
			}
			if len(body) == 0 {
				return fmt.Errorf("nothing to change: give --name, --number, --team or --role")
			}
			_, err := r.call(cmd, "PATCH", "/agents/"+url.PathEscape(args[0]), nil, body, nil)
			return err
		},
	}
	c.Flags().StringVar(&name, "name", "", "name shown to people")
	c.Flags().StringVar(&number, "number", "", "new number")
	c.Flags().StringSliceVar(&teams, "team", nil, "teams, replacing the old ones")
	c.Flags().StringVar(&role, "role", "", "agent, supervisor or admin")
	return c
}

// changed picks the flags that were given.
func changed(cmd *cobra.Command, values map[string]any) map[string]any {
	body := map[string]any{}
	for flag, v := range values {
		if cmd.Flags().Changed(flag) {
			body[strings.ReplaceAll(flag, "-", "_")] = v
		}
	}
	return body
}

func agentRemove(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "remove AGENT", Short: "Remove an agent with devices and credentials", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := r.call(cmd, "DELETE", "/agents/"+url.PathEscape(args[0]), nil, nil, nil)
			return err
		},
	}
}

func agentPassword(r *remote) *cobra.Command {
	var password string
	c := &cobra.Command{
		Use: "set-password AGENT", Short: "Set the password of the pages", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := secret(cmd, password)
			if err != nil {
				return err
			}
			_, err = r.call(cmd, "PUT", "/agents/"+url.PathEscape(args[0])+"/password", nil, map[string]string{"password": p}, nil)
			return err
		},
	}
	c.Flags().StringVar(&password, "password", "", "the password; without it, one line of standard input")
	return c
}

// secret is the flag's value or a line of standard input, so that a password
// need not stand in the shell's history.
func secret(cmd *cobra.Command, flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	var line string
	if _, err := fmt.Fscanln(cmd.InOrStdin(), &line); err != nil || line == "" {
		return "", fmt.Errorf("no password given: use --password or standard input")
	}
	return line, nil
}
