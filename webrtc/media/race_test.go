//go:build race

package media

// raced is what the race detector makes of packets with keys: it has pools forget
// some of what they hold.
const raced = 4
