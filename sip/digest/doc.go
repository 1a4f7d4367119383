// Package digest authenticates SIP requests by HTTP Digest (RFC 7616, RFC 8760,
// RFC 3261 §22). What it proves is a device: a credential belongs to one
// device of one domain, and an address of record never proves anything.
//
// # Guarantees
//
//   - A nonce is stateless: its time, a random part and an HMAC under a key that
//     outlives the process. After a restart phones go on with the nonce they
//     have and nobody is challenged anew.
//   - A nonce count is taken once. The window of counts seen is kept for every
//     nonce that ever passed, in bounded memory; a nonce whose window had to be
//     forgotten is answered stale, never accepted again. The one exception is a
//     nonce from before this start: the first count seen of it is believed, and
//     from then on its counts must be new too.
//   - An unknown user, a user without a usable hash and a wrong password get the
//     same answer after the same work.
//   - Every 401 carries its challenges. stale=true is said only to who has just
//     proved the password.
//   - A count is marked as taken only after the password was proved, so nobody
//     else can use it up.
//
// Authority is safe for concurrent use and owns no goroutine.
package digest
