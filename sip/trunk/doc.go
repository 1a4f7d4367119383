// Package trunk knows the servers outside that take calls: where they are, which of
// them are up, which takes the next call, and what they are told when they ask who
// we are.
//
// A trunk is a list of servers in order, each with as many hops as the DNS has
// addresses for it (RFC 3263). Calls try one hop after another (Ways) until one takes
// it; see fork.Way for when the next is tried.
//
// # Guarantees
//
//   - A hop is asked by OPTIONS whether it is there. It is down once it has not
//     answered Tries times in a row, or has let a call wait in vain, and up with its
//     first answer. Hops that are down are tried last, not never: a trunk whose every
//     hop is down is still tried.
//   - A hop that answers 503 with Retry-After is tried last for that long, at most
//     ten minutes.
//   - Each change is logged once, counted, and shown by Info.
//   - A challenge is answered for the trunk's own credentials alone, when a call begins
//     and within it (Within); secrets are never logged.
//   - To look for a way takes no longer than the caller's context; a hop that does
//     not let itself be connected to costs no more than its Silence.
//   - Of one trunk 32 hops are known at most.
package trunk
