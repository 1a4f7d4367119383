package sqlite

import "lamplight/store"

// WithBeforeCommit fails the commits for which f answers an error.
func WithBeforeCommit(o Options, f func() error) Options {
	o.hooks.beforeCommit = f
	return o
}

// WithMaxPages bounds the size of the database.
func WithMaxPages(o Options, n int) Options {
	o.hooks.pages = n
	return o
}

// The texts of queries, to look at their plans.
const NextPageSQL = nextPage

// LogSQL is the text of a log query.
func LogSQL(q store.LogQuery) string { return logSQL(q) }
