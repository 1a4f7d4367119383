// Package sqlite is the default storage engine: one SQLite database file in the
// data directory, written by one goroutine, read by a few connections.
//
// # Durability
//
// The database runs in WAL mode with synchronous=FULL: a commit has been fsynced
// into the write-ahead log before anybody is told of it. A torn or corrupt tail
// of that log is cut off when the file is opened; what was acknowledged before it
// stays. In one narrow case a batch that was told to have failed can be there
// after a crash: when its commit reached the disk but the fsync reported an
// error, and the machine died before the next commit overwrote it.
//
// # Group commit
//
// The writer takes everything that waits, up to Options.CommitRows rows, into
// one transaction and starts it as soon as the one before is done: an idle server
// commits single batches at once, a loaded one hundreds of rows for one fsync,
// without a timer to tune. What nobody waits for, such as the record of a decision
// or that a phone rings, is held back for store.HoldBack at most and goes with what
// comes next: else a server with little to do would sync as often for it as for
// what is acknowledged. Conditions are checked before a batch writes its first
// row, so a conflict leaves nothing to undo and the other batches of the group
// are none the wiser. Any other error is the medium's, and fails the whole group.
//
// # Revisions
//
// Revisions come from one counter of the whole store, kept in the row that every
// commit updates anyway. The alternative, a counter for each key, needs a
// tombstone for every key ever deleted, without end, for keys that are mostly
// random and never come back. It also lets a reader order changes of several keys
// and merge a Scan with a Watch.
//
// # Reading
//
// Readers see only what is committed. Scan reads a page at a time and holds no
// transaction while the caller works, so a slow reader never keeps the
// write-ahead log from being folded back into the database.
package sqlite
