package notifier

// task is work for a worker: all subscriptions of a presentity, a single one,
// or the rest of a SUBSCRIBE whose row was committed. Their list is bounded by
// what it holds: each presentity and each subscription waits at most once, and
// the SUBSCRIBEs under way are limited before they get here.
type task struct {
	p *presentity
	s *subscription
	f func()
}
