package proxy

// SetWaker replaces the waker, before any call.
func (p *Proxy) SetWaker(w Waker) { p.o.Waker = w }

// SetTrunks has numbers outside go to these, before any call.
func (p *Proxy) SetTrunks(t Trunks) { p.o.Carrier.Trunks = t }
