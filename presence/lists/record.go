package lists

import (
	"context"
	"encoding/json"
	"fmt"

	"lamplight/store"
)

// space is the kind of record, codec the version of its encoding: JSON.
const (
	space = "list"
	codec = 1
)

func key(v *List) store.Key {
	k := store.Key{Domain: v.Domain.String(), Space: space, Key: "/" + v.Name}
	if !v.Owner.IsZero() {
		k.Key = v.Owner.String() + k.Key
	}
	return k
}

// encode cannot fail for what a list consists of.
func encode(v *List) []byte {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// load reads the lists; what its agent no longer needs, because a crash came
// between the two deletions, is deleted.
func (l *Lists) load(ctx context.Context) error {
	var orphans []store.Write
	err := l.o.Store.Scan(ctx, space, func(r store.Record) error {
		v := &List{}
		if err := json.Unmarshal(r.Data, v); err != nil || r.Codec != codec || key(v) != r.Key {
			l.o.Log.Warn().Err(err).Str("key", r.Key.Key).Msg("stored list left out")
			return nil
		}
		if _, ok := l.o.Directory.Agent(v.Owner); !ok && !v.Owner.IsZero() {
			orphans = append(orphans, store.Delete(r.Key))
			return nil
		}
		l.install(v)
		return nil
	})
	if err == nil && len(orphans) > 0 {
		err = l.o.Store.Commit(ctx, store.Batch{Writes: orphans})
	}
	if err != nil {
		return fmt.Errorf("lists: read: %w", err)
	}
	return nil
}
