package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type registration struct {
	ID        string    `json:"id"`
	Agent     string    `json:"agent"`
	Contact   string    `json:"contact"`
	Transport string    `json:"transport"`
	Source    string    `json:"source"`
	UserAgent string    `json:"user_agent"`
	Alive     bool      `json:"alive"`
	Restored  bool      `json:"restored"`
	Expires   time.Time `json:"expires"`
	RoundTrip float64   `json:"round_trip_ms"`
}

// state says in a word whether the device is there.
func (r *registration) state() string {
	switch {
	case !r.Alive:
		return "dead"
	case r.Restored:
		return "restored"
	}
	return "alive"
}

func (r *registration) trip() string {
	if r.RoundTrip == 0 {
		return "-"
	}
	return strconv.FormatFloat(r.RoundTrip, 'f', 1, 64) + " ms"
}

func regCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "reg", Short: "Registrations of phones: list, remove"}
	c.AddCommand(&cobra.Command{
		Use: "list [AGENT]", Short: "What an agent's devices registered, or everybody's", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/registrations"
			if len(args) > 0 {
				path = registrationsPath(args[0])
			}
			head := []string{"ID", "AGENT", "CONTACT", "STATE", "TRANSPORT", "SOURCE", "EXPIRES IN", "ROUND TRIP", "USER AGENT"}
			return listPages(r, cmd, path, len(args) == 0, head, func(v *registration) []string {
				return []string{v.ID, v.Agent, v.Contact, v.state(), v.Transport, v.Source, until(v.Expires), v.trip(), v.UserAgent}
			})
		},
	}, &cobra.Command{
		Use: "remove AGENT ID", Short: "End a registration; the device may register again", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := r.call(cmd, "DELETE", registrationsPath(args[0])+"/"+url.PathEscape(args[1]), nil, nil, nil)
			return err
		},
	})
	return c
}

func registrationsPath(agent string) string {
	return "/agents/" + url.PathEscape(agent) + "/registrations"
}

// fares says how the subscription's NOTIFYs fare.
func (w *watcher) fares() string {
	switch {
	case w.Failures > 0:
		return fmt.Sprintf("%d failed", w.Failures)
	case !w.Connected:
		return "no flow"
	case w.InFlight:
		return "in flight"
	}
	return "told"
}

func subCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "sub", Short: "Subscriptions, as their dialogs stand: list"}
	var event string
	list := &cobra.Command{
		Use: "list [AGENT]", Short: "List the subscriptions, of everybody or to one agent, and how their NOTIFYs fare", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rows := [][]string{{"EVENT", "ENTITY", "WATCHER", "CONTACT", "NOTIFY", "NEXT CSEQ", "TRANSPORT", "SOURCE", "EXPIRES IN"}}
			shown, err := eachWatcher(r, cmd, args, event, false, func(w *watcher) {
				rows = append(rows, []string{w.Event, w.Entity, w.who(), w.Contact, w.fares(), strconv.FormatUint(uint64(w.NextCSeq), 10), w.Transport, w.Remote, until(w.Expires)})
			})
			if !shown || err != nil {
				return err
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
	list.Flags().StringVar(&event, "event", "", "only this event package, such as dialog")
	c.AddCommand(list)
	return c
}

type publication struct {
	Agent   string    `json:"agent"`
	Entity  string    `json:"entity"`
	Event   string    `json:"event"`
	Peer    string    `json:"peer"`
	ETag    string    `json:"etag"`
	Expires time.Time `json:"expires"`
	Calls   int       `json:"calls"`
}

func pubCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "pub", Short: "Publications: list"}
	var event string
	list := &cobra.Command{
		Use: "list", Short: "What phones and servers published", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"EVENT", "OF", "PEER", "CALLS", "EXPIRES IN", "ENTITY TAG"}
			return listPages(r, cmd, withQuery("/publications", "event", event), true, head, func(v *publication) []string {
				return []string{v.Event, v.Agent + v.Entity, v.Peer, strconv.Itoa(v.Calls), until(v.Expires), v.ETag}
			})
		},
	}
	list.Flags().StringVar(&event, "event", "", "only this event package, as in dialog")
	c.AddCommand(list)
	return c
}

type flow struct {
	ID        string    `json:"id"`
	Transport string    `json:"transport"`
	Remote    string    `json:"remote"`
	Client    string    `json:"client"`
	Local     string    `json:"local"`
	Since     time.Time `json:"since"`
	Seen      time.Time `json:"seen"`
	Queued    int       `json:"queued"`
	Dropped   uint64    `json:"dropped"`
}

func flowCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "flow", Short: "Connections of phones and servers: list"}
	var transport string
	list := &cobra.Command{
		Use: "list", Short: "Phones and servers as seen from our sockets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"ID", "REMOTE", "LOCAL", "FOR", "SEEN", "QUEUED", "DROPPED"}
			return listPages(r, cmd, withQuery("/flows", "transport", transport), true, head, func(v *flow) []string {
				if v.Client != "" {
					v.Remote = v.Client + " by " + v.Remote
				}
				return []string{v.ID, v.Remote, v.Local, ago(v.Since), ago(v.Seen) + " ago", strconv.Itoa(v.Queued), strconv.FormatUint(v.Dropped, 10)}
			})
		},
	}
	list.Flags().StringVar(&transport, "transport", "", "only UDP, TCP, TLS, WS or WSS")
	c.AddCommand(list)
	return c
}

// withQuery appends a query parameter, if it is given.
func withQuery(path, name, value string) string {
	if value == "" {
		return path
	}
	return path + "?" + url.Values{name: {value}}.Encode()
}

// until and ago are times from now and to now.
func until(t time.Time) string { return duration(max(0, int(time.Until(t).Seconds()))) }
func ago(t time.Time) string   { return duration(max(0, int(time.Since(t).Seconds()))) }

// listPages prints every page of a list as one table. A path may bring a query of
// its own; paged lists have limit and cursor.
func listPages[T any](r *remote, cmd *cobra.Command, path string, paged bool, head []string, row func(*T) []string) error {
	u, err := url.Parse(path)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	q := u.Query()
	if paged {
		q.Set("limit", "1000")
	}
	rows := [][]string{head}
	err = pages(cmd.Context(), q, func(q url.Values) (string, error) {
		var page map[string]listOrNext[T]
		shown, err := r.call(cmd, "GET", u.EscapedPath(), q, nil, &page)
		if !shown {
			return "", err
		}
		for _, v := range page {
			for i := range v.list {
				rows = append(rows, row(&v.list[i]))
			}
		}
		return page["next"].next, err
	})
	if err != nil || r.json {
		return err
	}
	return table(cmd.OutOrStdout(), rows)
}

// listOrNext is a member of a page: its one list, or the cursor of the next page.
type listOrNext[T any] struct {
	list []T
	next string
}

// UnmarshalJSON tells the two apart.
func (v *listOrNext[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &v.next)
	}
	return json.Unmarshal(b, &v.list)
}
