package main

import (
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"lamplight/cmd/lamplight/internal/client"
)

func importCommand(r *remote) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: "import FILE.csv", Short: "Import agents with their devices: number,password,name,team", Args: cobra.ExactArgs(1),
		Long: "Every line makes or updates an agent with a desk phone (user name = number), a softphone\n" +
			"(number-soft), a mobile (number-mobile) and a webphone. The password is the devices'; pages\n" +
			"need a password of their own (lamplight agent set-password). Teams are separated by a semicolon.",
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("import: %w", err)
			}
			defer func() { _ = f.Close() }()
			q := url.Values{}
			if dry {
				q.Set("dry_run", "1")
			}
			var rep importReport
			shown, err := r.call(cmd, "POST", "/import", q, f, &rep)
			if !shown || err != nil {
				return err
			}
			return rep.print(cmd, args[0])
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would happen, change nothing")
	return c
}

type importReport struct {
	DryRun    bool                `json:"dry_run"`
	Lines     int                 `json:"lines"`
	Created   int                 `json:"created"`
	Updated   int                 `json:"updated"`
	Unchanged int                 `json:"unchanged"`
	Failed    int                 `json:"failed"`
	Errors    []client.FieldError `json:"errors"`
	LeftOut   int                 `json:"errors_left_out"`
	Seconds   float64             `json:"seconds"`
}

func (r importReport) print(cmd *cobra.Command, file string) error {
	for _, e := range r.Errors {
		cmd.PrintErrf("%s:%d: %s\n", file, e.Line, e.Message)
	}
	if r.LeftOut > 0 {
		cmd.PrintErrf("… and %d more errors\n", r.LeftOut)
	}
	verb := "imported"
	if r.DryRun {
		verb = "would import"
	}
	cmd.Printf("%s %d agents: %d new, %d changed, %d as they were, %d with errors, in %.1f s\n",
		verb, r.Lines, r.Created, r.Updated, r.Unchanged, r.Failed, r.Seconds)
	if r.Failed > 0 {
		return fmt.Errorf("%d lines have errors", r.Failed)
	}
	return nil
}
