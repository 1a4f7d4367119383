package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type watcher struct {
	Of        string    `json:"of"`
	Event     string    `json:"event"`
	Entity    string    `json:"entity"`
	Status    string    `json:"status"`
	Agent     string    `json:"agent"`
	Name      string    `json:"name"`
	Peer      string    `json:"peer"`
	Contact   string    `json:"contact"`
	Remote    string    `json:"remote"`
	Transport string    `json:"transport"`
	Failures  int       `json:"failures"`
	Connected bool      `json:"connected"`
	NextCSeq  uint32    `json:"next_cseq"`
	InFlight  bool      `json:"in_flight"`
	Expires   time.Time `json:"expires"`
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
			rows := [][]string{{"WATCHED", "EVENT", "WATCHER", "STATUS", "FROM"}}
			shown, err := eachWatcher(r, cmd, args, event, pending, func(w *watcher) {
				rows = append(rows, []string{w.Entity, w.Event, w.who(), w.state(), w.Transport + " " + w.Remote})
			})
			if !shown || err != nil {
				return err
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
	c.Flags().BoolVar(&pending, "pending", false, "only those who wait for leave")
	c.Flags().StringVar(&event, "event", "", "only this event package, such as dialog")
	return c
}

// eachWatcher calls f with every subscription, or those to the agent named, that
// fits.
func eachWatcher(r *remote, cmd *cobra.Command, agent []string, event string, pending bool, f func(*watcher)) (shown bool, err error) {
	path, query := "/watchers", url.Values{"limit": {"10000"}}
	switch {
	case len(agent) > 0:
		path = "/agents/" + url.PathEscape(agent[0]) + path
	default:
		if pending {
			query.Set("status", "pending")
		}
		if event != "" {
			query.Set("event", event)
		}
	}
	err = pages(cmd.Context(), query, func(q url.Values) (string, error) {
		var out struct {
			Watchers []watcher `json:"watchers"`
			Next     string    `json:"next"`
		}
		var err error
		if shown, err = r.call(cmd, "GET", path, q, nil, &out); err != nil {
			return "", err
		}
		for i := range out.Watchers {
			if w := &out.Watchers[i]; (!pending || w.Status == "pending") && (event == "" || w.Event == event) {
				f(w)
			}
		}
		return out.Next, nil
	})
	return shown, err
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
