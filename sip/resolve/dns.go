package resolve

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is the kind of records that are asked for.
type Kind uint16

// The kinds of RFC 3263; addresses are the business of Hosts.
const (
	KindSRV   Kind = 33 // RFC 2782
	KindNAPTR Kind = 35 // RFC 3403
)

// NAPTR is one way to reach a domain (RFC 3403 §4.1).
type NAPTR struct {
	Order, Preference uint16
	Flags, Service    string
	Regexp            string
	Replacement       string // without the last dot
}

// SRV is one server of a service (RFC 2782).
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // without the last dot; empty: there is no such service
}

// Answer is what a name has. Empty is an answer too: it has none.
type Answer struct {
	NAPTR []NAPTR
	SRV   []SRV
	// TTL is how long the answer holds, also the empty one.
	TTL time.Duration
}

// DNS answers questions; an error is for no answer at all.
type DNS interface {
	Ask(ctx context.Context, name string, kind Kind) (Answer, error)
}

// order puts the servers into the order they are tried in: the lowest priority
// first, of equals by chance, the heavier the likelier (RFC 2782). intN is
// rand.IntN.
func order(list []SRV, intN func(int) int) []SRV {
	if intN == nil {
		intN = rand.IntN
	}
	left := slices.Clone(list)
	// Those of weight 0 first: they are to have a very small chance of their own.
	slices.SortStableFunc(left, func(a, b SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	out := make([]SRV, 0, len(left))
	for len(left) > 0 {
		same, sum := 0, 0
		for same < len(left) && left[same].Priority == left[0].Priority {
			sum += int(left[same].Weight)
			same++
		}
		pick, at := intN(sum+1), 0
		for run := int(left[0].Weight); run < pick && at < same-1; run += int(left[at].Weight) {
			at++
		}
		out = append(out, left[at])
		left = slices.Delete(left, at, at+1)
	}
	return out
}
