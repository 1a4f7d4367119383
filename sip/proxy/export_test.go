package proxy

// SetWaker replaces the waker, before any call.
func (p *Proxy) SetWaker(w Waker) { p.o.Waker = w }
