package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type hotDesk struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Usernames []string `json:"usernames"`
	Agent     *struct {
		Number string `json:"number"`
		Name   string `json:"name"`
	} `json:"agent"`
	Until time.Time `json:"until"`
}

func (d *hotDesk) row() []string {
	row := []string{d.Name, strings.Join(d.Usernames, ","), "", ""}
	if d.Agent != nil {
		row[2] = strings.TrimSpace(d.Agent.Number + " " + d.Agent.Name)
	}
	if !d.Until.IsZero() {
		row[3] = d.Until.Local().Format("2006-01-02 15:04")
	}
	return row
}

func deskCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "desk", Short: "Hot desks: list, add, log in, log out, remove"}
	c.AddCommand(deskList(r), deskAdd(r), deskLogin(r), deskLogout(r), deskRemove(r))
	return c
}

func deskPath(desk string) string { return "/desks/" + url.PathEscape(desk) }

func deskList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the hot desks and who is at them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct {
				Desks []hotDesk `json:"desks"`
			}
			shown, err := r.call(cmd, "GET", "/desks", nil, nil, &list)
			if !shown || err != nil {
				return err
			}
			rows := [][]string{{"NAME", "USER NAMES", "AGENT", "UNTIL"}}
			for i := range list.Desks {
				rows = append(rows, list.Desks[i].row())
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
}

func deskAdd(r *remote) *cobra.Command {
	var name, password string
	c := &cobra.Command{
		Use: "add USERNAME", Short: "Add a hot desk's phone", Args: cobra.ExactArgs(1),
		Example: "  lamplight desk add desk-9 --name \"Window seat\" --password wTq8-secret",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := secret(cmd, password)
			if err != nil {
				return err
			}
			body := map[string]string{"username": args[0], "password": p}
			if name != "" {
				body["name"] = name
			}
			_, err = r.call(cmd, "POST", "/desks", nil, body, nil)
			return err
		},
	}
	c.Flags().StringVar(&name, "name", "", "name shown to people; default: the user name")
	c.Flags().StringVar(&password, "password", "", "password of its SIP registration; without it, one line of standard input")
	return c
}

func deskLogin(r *remote) *cobra.Command {
	var shift time.Duration
	c := &cobra.Command{
		Use: "login DESK AGENT", Short: "Log an agent in at a hot desk", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"agent": args[1]}
			if shift > 0 {
				body["shift_seconds"] = shift.Seconds()
			}
			return deskAnswer(cmd, r, deskPath(args[0])+"/login", body)
		},
	}
	c.Flags().DurationVar(&shift, "shift", 0, "when the login ends by itself; default: the domain's")
	return c
}

func deskLogout(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "logout DESK", Short: "Log out whoever is at a hot desk", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return deskAnswer(cmd, r, deskPath(args[0])+"/logout", nil)
		},
	}
}

// deskAnswer makes a change and shows the desk as it is then.
func deskAnswer(cmd *cobra.Command, r *remote, path string, body any) error {
	var d hotDesk
	shown, err := r.call(cmd, "POST", path, nil, body, &d)
	if !shown || err != nil {
		return err
	}
	return table(cmd.OutOrStdout(), [][]string{{"NAME", "USER NAMES", "AGENT", "UNTIL"}, d.row()})
}

func deskRemove(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "remove DESK", Short: "Remove a hot desk's phone", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := r.call(cmd, "DELETE", deskPath(args[0]), nil, nil, nil)
			return err
		},
	}
}

func agentPIN(r *remote) *cobra.Command {
	var pin string
	var none bool
	c := &cobra.Command{
		Use: "set-pin AGENT", Short: "Set the PIN by which an agent logs in at hot desks", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p := ""
			if !none {
				var err error
				if p, err = secret(cmd, pin); err != nil {
					return err
				}
			}
			_, err := r.call(cmd, "PUT", "/agents/"+url.PathEscape(args[0])+"/pin", nil, map[string]string{"pin": p}, nil)
			return err
		},
	}
	c.Flags().StringVar(&pin, "pin", "", "4 to 12 digits; without it, one line of standard input")
	c.Flags().BoolVar(&none, "none", false, "take the PIN away")
	return c
}
