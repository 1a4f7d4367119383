package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lamplight/store"
)

// space is where sessions lie in the store.
const space = "websession"

// kept is the store of sessions in the terms of scs: the key is the hash of the
// cookie's value.
type kept struct{ store store.Store }

func key(token string) store.Key { return store.Key{Space: space, Key: token} }

// FindCtx reads a session; an expired one is not found.
func (k kept) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	rec, err := k.store.Get(ctx, key(token))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("login: read session: %w", err)
	case !rec.Expires.IsZero() && !rec.Expires.After(time.Now()):
		return nil, false, nil
	}
	return rec.Data, true, nil
}

// CommitCtx makes a session durable.
func (k kept) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	rec := store.Record{Key: key(token), Expires: expiry, Codec: 1, Data: b}
	if err := k.store.Commit(ctx, store.Batch{Writes: []store.Write{store.Put(rec)}}); err != nil {
		return fmt.Errorf("login: keep session: %w", err)
	}
	return nil
}

// DeleteCtx ends a session for good.
func (k kept) DeleteCtx(ctx context.Context, token string) error {
	if err := k.store.Commit(ctx, store.Batch{Writes: []store.Write{store.Delete(key(token))}}); err != nil {
		return fmt.Errorf("login: end session: %w", err)
	}
	return nil
}

// The methods without a context are there for scs's older interface.

func (k kept) Find(token string) ([]byte, bool, error) { return k.FindCtx(context.Background(), token) }
func (k kept) Commit(token string, b []byte, expiry time.Time) error {
	return k.CommitCtx(context.Background(), token, b, expiry)
}
func (k kept) Delete(token string) error { return k.DeleteCtx(context.Background(), token) }
