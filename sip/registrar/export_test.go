package registrar

import (
	"context"

	"lamplight/store"
)

// StoreForTest commits rows of bindings.
func StoreForTest(ctx context.Context, st store.Store, bs []*Binding) error {
	var batch store.Batch
	for _, b := range bs {
		w, err := b.row("node-1")
		if err != nil {
			return err
		}
		batch.Writes = append(batch.Writes, w)
	}
	return st.Commit(ctx, batch)
}
