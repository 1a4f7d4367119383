package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence"
	"lamplight/presence/directory"
)

// errMembers says that groups name agents there are not: removed since, or not
// imported yet. Everything else was taken from the configuration.
var errMembers = errors.New("groups name agents that there are not")

// seed brings the directory up to the configuration. A group short of a member is no
// reason not to start.
func (s *Server) seed(ctx context.Context, d *directory.Directory, c *config.Config) error {
	err := seed(ctx, d, c)
	if errors.Is(err, errMembers) {
		s.log.Warn().Err(err).Msg("groups are short of members until the next reload")
		return nil
	}
	return err
}

// seedGroups brings the ring groups up to what the configuration declares, by
// their numbers.
func seedGroups(ctx context.Context, d *directory.Directory, dom *presence.Domain, groups []config.Group) error {
	e := directory.Edit{Actor: "configuration", Cause: "config"}
	var missing []error
	for i := range groups {
		next := groups[i].Group()
		next.Domain = dom.ID
		for _, m := range groups[i].Members {
			a, ok := d.AgentByNumber(dom.ID, m.Agent)
			if !ok {
				missing = append(missing, fmt.Errorf("group %s: %w: %s", next.Number, errMembers, m.Agent))
				continue
			}
			next.Members = append(next.Members, presence.Member{Agent: a.ID, Level: m.Level})
		}
		if old, ok := d.GroupByNumber(dom.ID, next.Number); ok && old.Number == next.Number {
			if next.ID = old.ID; reflect.DeepEqual(*old, next) {
				continue
			}
		}
		e.Groups = append(e.Groups, next)
	}
	if err := d.Apply(ctx, e); err != nil {
		return err
	}
	return errors.Join(missing...)
}
