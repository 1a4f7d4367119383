package media

// Turn has the next OfferPhone be of the other family of addresses, for a phone that
// would not take an offer of this one. It is false where there is no other, or the phone
// has said already where it is.
func (b *Bridge) Turn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.home == nil || b.phone.codecs != nil || b.offer != nil {
		return false
	}
	for _, h := range b.g.homes {
		if h != b.home {
			return b.openPhoneLocked(h) == nil
		}
	}
	return false
}
