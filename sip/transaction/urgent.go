package transaction

// urgentRoom is how many calls for help find room beyond the limits.
const urgentRoom = 64

// urgentLocked: it is a call for help, and there is room for one more.
func (t *inviteTable) urgentLocked(r *Request) bool {
	return t.layer.o.Urgent != nil && len(t.m) < t.most+urgentRoom && t.bytes < t.mostBytes+urgentRoom<<16 && t.layer.o.Urgent(r.URI)
}
