// Package publisher tells upstream presence servers of our agents: it is the
// event publication agent of RFC 3903, for the packages dialog and presence.
//
// # Guarantees
//
//   - Of one agent and event at most one PUBLISH is on its way to an upstream,
//     and the next one has the newest state: last state wins, none queue up.
//   - A PUBLISH bears the entity tag of the newest 2xx, and no tag twice after
//     it was answered. 412 is followed by a publication anew.
//   - What is sent is paced (Upstream.Rate) and bounded (Upstream.InFlight); a
//     change goes before what is merely due. Each publication waits at most
//     once, so a queue is never longer than agents times events.
//   - An upstream that does not answer, or says 503, is left alone for a while
//     (its Retry-After, else a growing time of 30 s at most), then asked by one
//     PUBLISH at a time until it answers.
//   - Dialog documents are full state; a dialog that was told is told to be
//     terminated. Their versions grow, also across restarts.
//   - A state is told once: a change that leaves the document as it was sends
//     nothing.
//
// # What is published
//
// The presence of every agent, always, refreshed with jitter before it expires.
// Dialogs only while there are calls: an agent without one has no dialog
// publication. After the last call's terminated it is kept for ten seconds, or
// until the next call, and removed. An agent that is deleted has all removed.
//
// # Restarts
//
// Tags are stored, some milliseconds after their 2xx and many in one batch.
// After a restart of ours every stored publication is modified under its tag,
// so that nothing is there twice. Where the newest tag was not stored yet, or a
// 2xx never came, the PUBLISH is sent again in the transaction it was sent in
// before, and the upstream repeats its answer as long as it remembers that (32 s
// by RFC 3261, in practice 5 s or more). Later it answers 412 and keeps what it
// has until that expires: ids of tuples and dialogs are the same in both, for
// upstreams that compose by them, and dialogs expire soon.
//
// An upstream that forgot what it was told says so by 412 only when asked. So
// one publication is refreshed whenever no tag was used for Upstream.Verify,
// and a 412 that nothing explains, an answer after silence, or a stream that
// had to be opened anew, has all publications refreshed, paced, until ten in a
// row were still known. State is right again Verify, plus twice the publications
// divided by Rate, after the upstream is back.
//
// Roster shards and the transaction layer only leave notes here: each upstream
// has one goroutine that renders and sends.
package publisher
