package sqlite

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
