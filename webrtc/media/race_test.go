//go:build race

package media

// raced is what the race detector makes of packets with keys: it keeps a value of
// the cipher on the heap.
const raced = 1
