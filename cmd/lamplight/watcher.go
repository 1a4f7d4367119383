package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

type watcher struct {
	Of        string `json:"of"`
	Event     string `json:"event"`
	Entity    string `json:"entity"`
	Status    string `json:"status"`
	Agent     string `json:"agent"`
	Name      string `json:"name"`
	Peer      string `json:"peer"`
	Remote    string `json:"remote"`
	Transport string `json:"transport"`
	Failures  int    `json:"failures"`
	Connected bool   `json:"connected"`
}

// who is the watcher as the commands name it.
func (w watcher) who() string {
	if w.Peer != "" {
		return "peer:" + w.Peer
	}
	return strings.TrimSpace(w.Agent + " " + w.Name)
}

// state is the status, and what keeps it from being told.
func (w watcher) state() string {
	switch {
	case !w.Connected:
		return w.Status + ", no way to it"
	case w.Failures > 0:
		return w.Status + ", does not answer"
	}
	return w.Status
}

func watcherCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "watcher", Short: "Who watches whom: list, allow, deny"}
	c.AddCommand(watcherList(r), watcherDecide(r, "allow", true), watcherDecide(r, "deny", false))
	return c
}

func watcherList(r *remote) *cobra.Command {
	var pending bool
	var event string
	c := &cobra.Command{
		Use: "list [AGENT]", Short: "List the subscriptions, of everybody or to one agent, and those who wait for leave", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, query := "/watchers", url.Values{}
			if len(args) > 0 {
				path = "/agents/" + url.PathEscape(args[0]) + path
			} else {
				if pending {
					query.Set("status", "pending")
				}
				if event != "" {
					query.Set("event", event)
				}
			}
			var out struct {
				Watchers []watcher `json:"watchers"`
				More     bool      `json:"more"`
			}
			shown, err := r.call(cmd, "GET", path, query, nil, &out)
			if !shown || err != nil {
				return err
			}
			rows := [][]string{{"WATCHED", "EVENT", "WATCHER", "STATUS", "FROM"}}
			for _, w := range out.Watchers {
				if pending && w.Status != "pending" || event != "" && w.Event != event {
					continue
				}
				rows = append(rows, []string{w.Entity, w.Event, w.who(), w.state(), w.Transport + " " + w.Remote})
			}
			if err := table(cmd.OutOrStdout(), rows); err != nil || !out.More {
				return err
			}
			cmd.Println("There are more.")
			return nil
		},
	}
	c.Flags().BoolVar(&pending, "pending", false, "only those who wait for leave")
	c.Flags().StringVar(&event, "event", "", "only this event package, such as dialog")
	return c
}

func watcherDecide(r *remote, word string, allow bool) *cobra.Command {
	return &cobra.Command{
		Use: word + " AGENT WATCHER", Short: strings.ToUpper(word[:1]) + word[1:] + " an agent, or peer:NAME, to watch AGENT", Args: cobra.ExactArgs(2),
		Example: "  lamplight watcher " + word + " 1001 1007",
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/agents/" + url.PathEscape(args[0]) + "/watchers/" + url.PathEscape(args[1])
			_, err := r.call(cmd, "PUT", path, nil, map[string]bool{"allow": allow}, nil)
			return err
		},
	}
}
