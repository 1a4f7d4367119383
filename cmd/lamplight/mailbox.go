package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

type counts struct {
	New int `json:"new"`
	Old int `json:"old"`
}

type mailboxView struct {
	Account  string            `json:"account"`
	Waiting  bool              `json:"waiting"`
	Messages map[string]counts `json:"messages"`
	ToldBy   []string          `json:"told_by"`
}

// counted are new and old messages by class.
func (m *mailboxView) counted() string {
	var out []string
	for _, class := range []string{"voice", "fax", "pager", "multimedia", "text", "none"} {
		if c, ok := m.Messages[class]; ok {
			out = append(out, fmt.Sprintf("%s %d/%d", class, c.New, c.Old))
		}
	}
	return strings.Join(out, ", ")
}

func mailboxCommand(r *remote) *cobra.Command {
	c := &cobra.Command{Use: "mailbox", Short: "Waiting messages: list, set, clear"}
	c.AddCommand(mailboxList(r), mailboxSet(r), mailboxClear(r))
	return c
}

func mailboxList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Mailboxes, their new and old messages, and whose word it is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listPages(r, cmd, "/mailboxes", true, []string{"ACCOUNT", "WAITING", "NEW/OLD", "TOLD BY"}, func(m *mailboxView) []string {
				return []string{m.Account, yes(m.Waiting), m.counted(), strings.Join(m.ToldBy, ",")}
			})
		},
	}
}

func mailboxPath(account string) string { return "/mailboxes/" + url.PathEscape(account) }

func mailboxSet(r *remote) *cobra.Command {
	var fresh, old, urgent uint32
	c := &cobra.Command{
		Use: "set ACCOUNT", Short: "Say how many voice messages wait", Args: cobra.ExactArgs(1),
		Example: "  lamplight mailbox set 1042 --new 2 --old 5",
		RunE: func(cmd *cobra.Command, args []string) error {
			voice := map[string]uint32{"new": fresh, "old": old, "urgent_new": urgent}
			_, err := r.call(cmd, "PUT", mailboxPath(args[0]), nil, map[string]any{"messages": map[string]any{"voice": voice}}, nil)
			return err
		},
	}
	c.Flags().Uint32Var(&fresh, "new", 0, "new messages")
	c.Flags().Uint32Var(&old, "old", 0, "old messages")
	c.Flags().Uint32Var(&urgent, "urgent", 0, "how many of the new are urgent")
	return c
}

func mailboxClear(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "clear ACCOUNT", Short: "Forget what was told of a mailbox", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := r.call(cmd, "DELETE", mailboxPath(args[0]), nil, nil, nil)
			return err
		},
	}
}
