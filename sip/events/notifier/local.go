package notifier

import (
	"strings"
	"sync"

	"lamplight/sip/transport"
)

// local is what a NOTIFY says of us on one of our addresses.
type local struct {
	via     []byte // the whole line without the branch
	branch  int    // where in via the branch goes
	contact []byte // the whole line
	uri     string
}

// locals keeps them: flows that name us alike share one.
type locals struct {
	mu sync.RWMutex
	m  map[localKey]*local // mu guards it
}

type localKey struct {
	transport, host string // host as the peer reaches us
	port            uint16
}

// maxLocals bounds the addresses remembered; a stream dialled from here has one
// of its own.
const maxLocals = 4096

func (n *Notifier) localOf(f *transport.Flow) *local {
	k := localKey{f.Transport(), f.Host(), f.ListenPort()}
	n.locals.mu.RLock()
	l := n.locals.m[k]
	n.locals.mu.RUnlock()
	if l != nil {
		return l
	}
	const mark = "z9hG4bK-here"
	before, after, _ := strings.Cut(n.transactions.Via(f, mark), mark)
	uri := n.transactions.LocalURI(f, "")
	l = &local{via: []byte("Via: " + before + after + "\r\n"), branch: len("Via: " + before), uri: uri, contact: []byte("Contact: <" + uri + ">\r\n")}
	n.locals.mu.Lock()
	defer n.locals.mu.Unlock()
	if len(n.locals.m) >= maxLocals {
		clear(n.locals.m)
	}
	n.locals.m[k] = l
	return l
}
