// Package push wakes mobiles that an operating system has put to sleep (RFC 8599):
// the app registers with the name and token of a push service, a call asks that
// service by HTTPS to wake the app, and the app registers anew.
//
// A Gateway sends, in the forms of APNs, of FCM and as plain JSON. A Waker pushes
// to sleeping bindings for a call that waits and tells which of them woke.
//
// # Guarantees
//
//   - One push for a call is under way to a device at a time, and one to have it
//     refresh its registration. Others like it meanwhile are the same one: they
//     share its outcome.
//   - Everything is bounded: pushes that wait for each service, those sent at
//     once, tries, the time of each, calls that wait. What exceeds a bound is told
//     so at once (ErrBusy).
//   - A push is worth nothing once its call has stopped waiting: it says so to the
//     service, and is not tried again afterwards.
//   - Tokens never reach a log, an error or a metric; a device goes by a hash.
//   - Outcomes and events are told in the order in which they happened, on a
//     goroutine of this package; who is told must not block.
package push
