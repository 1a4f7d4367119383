package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

type device struct {
	ID         string   `json:"id"`
	Kind       string   `json:"kind"`
	Name       string   `json:"name"`
	Usernames  []string `json:"usernames"`
	Algorithms []string `json:"algorithms"`
}

func deviceCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "device", Short: "Devices of an agent: add, list, set, remove, set password"}
	c.AddCommand(deviceAdd(r), deviceList(r), deviceSet(r), deviceRemove(r), devicePassword(r))
	return c
}

func devicesPath(agent string) string { return "/agents/" + url.PathEscape(agent) + "/devices" }

func deviceAdd(r *remote) *cobra.Command {
	var kind, name, username, password string
	var digest []string
	c := &cobra.Command{
		Use: "add AGENT", Short: "Add a device", Args: cobra.ExactArgs(1),
		Example: "  lamplight device add 1042 --kind desk --username 1042 --password wTq8-secret",
		RunE: func(cmd *cobra.Command, args []string) error {
			body := changed(cmd, map[string]any{"kind": &kind, "name": &name, "username": &username, "password": &password, "digest": &digest})
			body["kind"] = kind
			var d device
			shown, err := r.call(cmd, "POST", devicesPath(args[0]), nil, body, &d)
			if shown && err == nil {
				cmd.Printf("added %s device %s\n", d.Kind, d.ID)
			}
			return err
		},
	}
	c.Flags().StringVar(&kind, "kind", "desk", "desk, soft, mobile or webphone")
	c.Flags().StringVar(&name, "name", "", "name shown to people")
	c.Flags().StringVar(&username, "username", "", "user name of its SIP registration")
	c.Flags().StringVar(&password, "password", "", "password of its SIP registration")
	c.Flags().StringSliceVar(&digest, "digest", nil, "algorithms offered, such as SHA-256,MD5; default: the domain's")
	return c
}

func deviceList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list AGENT", Short: "List an agent's devices", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list struct {
				Devices []device `json:"devices"`
			}
			shown, err := r.call(cmd, "GET", devicesPath(args[0]), nil, nil, &list)
			if !shown || err != nil {
				return err
			}
			rows := [][]string{{"ID", "KIND", "NAME", "USER NAMES", "DIGEST"}}
			for _, d := range list.Devices {
				rows = append(rows, []string{d.ID, d.Kind, d.Name, strings.Join(d.Usernames, ","), strings.Join(d.Algorithms, ",")})
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
}

func deviceSet(r *remote) *cobra.Command {
	var name string
	var digest []string
	var publish, calls, shared bool
	c := &cobra.Command{
		Use: "set AGENT DEVICE", Short: "Change a device", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := changed(cmd, map[string]any{"name": &name, "digest": &digest, "publish-selects": &publish, "publish-calls": &calls, "shared": &shared})
			if len(body) == 0 {
				return fmt.Errorf("nothing to change: give --name, --digest, --publish-selects, --publish-calls or --shared")
			}
			_, err := r.call(cmd, "PATCH", devicesPath(args[0])+"/"+url.PathEscape(args[1]), nil, body, nil)
			return err
		},
	}
	c.Flags().StringVar(&name, "name", "", "name shown to people")
	c.Flags().StringSliceVar(&digest, "digest", nil, "algorithms offered; empty: the domain's")
	c.Flags().BoolVar(&publish, "publish-selects", false, "its presence PUBLISH selects a status")
	c.Flags().BoolVar(&calls, "publish-calls", false, "it may PUBLISH its agent's calls")
	c.Flags().BoolVar(&shared, "shared", false, "it is a hot desk, at which any agent may log in")
	return c
}

func deviceRemove(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "remove AGENT DEVICE", Short: "Remove a device and its credentials", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := r.call(cmd, "DELETE", devicesPath(args[0])+"/"+url.PathEscape(args[1]), nil, nil, nil)
			return err
		},
	}
}

func devicePassword(r *remote) *cobra.Command {
	var username, password string
	c := &cobra.Command{
		Use: "set-password AGENT DEVICE", Short: "Set the password of a device's SIP registration", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := secret(cmd, password)
			if err != nil {
				return err
			}
			body := map[string]string{"password": p}
			if username != "" {
				body["username"] = username
			}
			_, err = r.call(cmd, "PUT", devicesPath(args[0])+"/"+url.PathEscape(args[1])+"/password", nil, body, nil)
			return err
		},
	}
	c.Flags().StringVar(&username, "username", "", "which user name, where the device has several")
	c.Flags().StringVar(&password, "password", "", "the password; without it, one line of standard input")
	return c
}
