package server

import (
	"context"
	"fmt"
	"reflect"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence"
	"lamplight/presence/directory"
)

// seedGroups brings the ring groups up to what the configuration declares, by
// their numbers.
func seedGroups(ctx context.Context, d *directory.Directory, dom *presence.Domain, groups []config.Group) error {
	e := directory.Edit{Actor: "configuration", Cause: "config"}
	for i := range groups {
		next := groups[i].Group()
		next.Domain = dom.ID
		for _, m := range groups[i].Members {
			a, ok := d.AgentByNumber(dom.ID, m.Agent)
			if !ok {
				return fmt.Errorf("group %s: there is no agent %s", next.Number, m.Agent)
			}
			next.Members = append(next.Members, presence.Member{Agent: a.ID, Level: m.Level})
		}
		if old, ok := d.GroupByNumber(dom.ID, next.Number); ok {
			if next.ID = old.ID; reflect.DeepEqual(*old, next) {
				continue
			}
		}
		e.Groups = append(e.Groups, next)
	}
	return d.Apply(ctx, e)
}
