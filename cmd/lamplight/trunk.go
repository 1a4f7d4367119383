package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type trunk struct {
	Name       string     `json:"name"`
	Hop        string     `json:"hop"`
	Up         bool       `json:"up"`
	Error      string     `json:"error"`
	Since      time.Time  `json:"since"`
	RetryAfter *time.Time `json:"retry_after"`
	RoundTrip  float64    `json:"round_trip_ms"`
}

// state says in a word or the server's own how it fares.
func (t *trunk) state() string {
	switch {
	case !t.Up:
		return "down: " + t.Error
	case t.RetryAfter != nil:
		return "up, tried last until " + t.RetryAfter.Local().Format(time.TimeOnly)
	}
	return "up"
}

// trip is how long it took to answer.
func (t *trunk) trip() string {
	if t.RoundTrip == 0 {
		return "-"
	}
	return strconv.FormatFloat(t.RoundTrip, 'f', 1, 64) + " ms"
}

func trunkCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "trunk", Short: "Servers for calls to numbers outside: list"}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "Addresses of the trunks, and whether they answer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			head := []string{"NAME", "HOP", "ANSWERS IN", "FOR", "STATE"}
			return listPages(r, cmd, "/trunks", false, head, func(v *trunk) []string {
				return []string{v.Name, v.Hop, v.trip(), ago(v.Since), v.state()}
			})
		},
	})
	return c
}
