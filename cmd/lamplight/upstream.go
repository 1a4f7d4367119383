package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type upstream struct {
	Name         string    `json:"name"`
	Server       string    `json:"server"`
	Transport    string    `json:"transport"`
	Up           bool      `json:"up"`
	Error        string    `json:"error"`
	Since        time.Time `json:"since"`
	Publications int       `json:"publications"`
	Waiting      int       `json:"waiting"`
	InFlight     int       `json:"in_flight"`
}

// state says in a word or the upstream's own how it fares.
func (u *upstream) state() string {
	if u.Up {
		return "up"
	}
	return "down: " + u.Error
}

func upstreamCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "upstream", Short: "Presence servers that are told: list"}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "Presence servers that are told what agents are doing, and how that fares", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"NAME", "SERVER", "TRANSPORT", "PUBLICATIONS", "WAITING", "FOR", "STATE"}
			return listPages(r, cmd, "/upstreams", false, head, func(v *upstream) []string {
				return []string{v.Name, v.Server, v.Transport, strconv.Itoa(v.Publications), strconv.Itoa(v.Waiting + v.InFlight), ago(v.Since), v.state()}
			})
		},
	})
	return c
}
