// Package feature has the documents of the event package as-feature-event, by
// which the keys of a phone and a server keep each other informed (the CSTA XML
// of ECMA-323 as desk phones speak it): Do Not Disturb, forwarding, and the state
// of a call centre's agent.
//
// Phones search the text more than they parse it, so what is written is plain:
// no prefixes, one element after the other, nothing that is optional. What is
// read is taken as it comes: namespaces and prefixes do not matter, order and
// unknown elements neither.
//
// A document tells of one feature. Of several, all are told in one
// multipart/mixed body, which phones take also where they accept the type of its
// parts only.
package feature
