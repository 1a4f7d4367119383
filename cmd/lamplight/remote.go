package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"lamplight/cmd/lamplight/internal/client"
)

// remote is how the commands that ask a running server reach it.
type remote struct {
	server, token, domain string
	json                  bool
}

// call asks the server. With --json the answer is printed as it came and shown
// is false, so that the caller prints nothing of its own.
func (r *remote) call(cmd *cobra.Command, method, path string, query url.Values, body, out any) (shown bool, err error) {
	c := client.Client{Server: r.server, Token: r.token, Domain: r.domain}
	if !r.json {
		return true, c.Call(cmd.Context(), method, path, query, body, out)
	}
	var raw json.RawMessage
	if err := c.Call(cmd.Context(), method, path, query, body, &raw); err != nil || len(raw) == 0 {
		return false, err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), string(raw))
	return false, err
}

// table prints rows in columns; the first row is the head.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(t, strings.TrimRight(strings.Join(r, "\t"), "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

// yes writes a flag of an API answer for people.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// pages calls f with the query of every page until it returns no next cursor.
func pages(ctx context.Context, query url.Values, f func(url.Values) (next string, err error)) error {
	for ctx.Err() == nil {
		next, err := f(query)
		if err != nil || next == "" {
			return err
		}
		query.Set("cursor", next)
	}
	return ctx.Err()
}
