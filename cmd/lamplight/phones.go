package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/sip/quirks"
)

func phonesCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "phones [USER-AGENT]", Short: "What is different about whose phones, or about one of them", Args: cobra.MaximumNArgs(1),
		Long: "Show the table of phones: the configuration's first, then the shipped ones. The first that a\n" +
			"User-Agent begins with counts; * stands for any characters.",
		Example: "  lamplight phones --config lamplight.yaml \"Yealink SIP-T46S 66.85.0.5\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			table := quirks.Shipped()
			if file != "" {
				c, err := config.Load(file, os.Environ())
				if err != nil {
					return fmt.Errorf("configuration:\n%w", err)
				}
				table = c.PhoneTable()
			}
			if len(args) > 0 {
				p := table.Find(args[0])
				if p.Match == "" {
					cmd.Println("not in the table: nothing is different")
					return nil
				}
				table = quirks.Table{p}
			}
			return printPhones(cmd, table)
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration file")
	return c
}

func printPhones(cmd *cobra.Command, t quirks.Table) error {
	rows := [][]string{{"MATCH", "QUIRKS", "LARGEST BODY"}}
	for _, p := range t {
		body, names := "", strings.Join(p.Quirks.Names(), ", ")
		if p.LargestBody > 0 {
			body = strconv.Itoa(p.LargestBody)
		}
		if names == "" {
			names = "none"
		}
		rows = append(rows, []string{p.Match, names, body})
	}
	return table(cmd.OutOrStdout(), rows)
}
