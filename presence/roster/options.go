package roster

import (
	"cmp"
	"runtime"
	"time"
)

func (o Options) withDefaults() Options {
	o.Node = cmp.Or(o.Node, "node-1")
	if o.Shards <= 0 {
		o.Shards = 4 * runtime.GOMAXPROCS(0)
	}
	if o.Queue <= 0 {
		o.Queue = 4096
	}
	if o.Resume == 0 {
		o.Resume = 5 * time.Second
	}
	if o.MaxBare <= 0 {
		o.MaxBare = 100_000
	}
	return o
}
