package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lamplight/cmd/lamplight/internal/config"
)

func checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "check FILE", Short: "Check a configuration: every mistake with file and line", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Load(args[0], os.Environ())
			var ms config.Mistakes
			if errors.As(err, &ms) {
				return fmt.Errorf("%w\n%d mistakes", ms, len(ms))
			}
			if err != nil {
				return err
			}
			agents := 0
			for _, d := range c.Domains {
				agents += len(d.Agents)
			}
			cmd.Printf("%s: good (%d domains, %d agents, %d peers)\n", args[0], len(c.Domains), agents, len(c.Peers))
			return nil
		},
	}
	return c
}
