package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"lamplight/store"
)

// secretSize is enough for HMAC-SHA256.
const secretSize = 32

// secret returns the server's own key of that name, made at the first start and
// kept in the store, so that what it signed stays valid across restarts.
func secret(ctx context.Context, st store.Store, name string) ([]byte, error) {
	key := store.Key{Space: "secret", Key: name}
	r, err := st.Get(ctx, key)
	if err == nil && len(r.Data) == secretSize {
		return r.Data, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	b := make([]byte, secretSize)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("make secret %s: %w", name, err)
	}
	if err := st.Commit(ctx, store.Batch{Writes: []store.Write{store.Put(store.Record{Key: key, Codec: 1, Data: b})}}); err != nil {
		return nil, fmt.Errorf("keep secret %s: %w", name, err)
	}
	return b, nil
}
