package mailbox

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// state is all that is known of one mailbox. It is changed by copy: a change
// that does not commit is dropped.
type state struct {
	pubs map[uint64]publication
	told map[Class]told
	// plain is a word without counts, of all classes; told is empty then.
	plain *told
	// account is the last one that was named.
	account string

	// summary is what phones are shown, number made of it; 0: what they are shown
	// of a mailbox that nobody told of. Both follow from the above.
	summary Summary
	number  uint64
}

// publication is one event state of a peer, named by the first half of its
// entity tag.
type publication struct {
	ID      uint64    `json:"id"`
	Change  uint32    `json:"change"` // second half of the entity tag: grows with each
	Peer    string    `json:"peer"`
	Expires time.Time `json:"expires"`
}

// told is what is known of a class and whose word it is.
type told struct {
	By      string `json:"by"`
	Waiting bool   `json:"waiting"`
	Counts  Counts `json:"counts"`
}

// The owners of a word. A publication's is its own, so that it ends with it.
const byAPI = "api"

func byNotify(peer string) string { return "notify:" + peer }

func (p *publication) owner() string { return "publication:" + strconv.FormatUint(p.ID, 16) }

// entityTag is the value of SIP-ETag: which publication, and which of its
// changes, so that each tag is good once (RFC 3903 §6 step 6).
func (p *publication) entityTag() string { return fmt.Sprintf("m%016x-%x", p.ID, p.Change) }

func parseTag(s string) (id uint64, change uint32, ok bool) {
	s, ok = strings.CutPrefix(strings.TrimSpace(s), "m")
	a, b, found := strings.Cut(s, "-")
	id, err := strconv.ParseUint(a, 16, 64)
	n, err2 := strconv.ParseUint(b, 16, 32)
	return id, uint32(n), ok && found && err == nil && err2 == nil && id != 0
}

func (st *state) clone() *state {
	next := *st
	next.pubs, next.told = maps.Clone(st.pubs), maps.Clone(st.told)
	return &next
}

// empty reports whether there is nothing to remember.
func (st *state) empty() bool { return len(st.pubs) == 0 && len(st.told) == 0 && st.plain == nil }

// take makes a summary the word of an owner: it takes the classes the summary
// names, and gives up those it no longer names.
func (st *state) take(by string, s *Summary) {
	st.drop(by)
	if s.Account != "" {
		st.account = s.Account
	}
	if !s.counted() {
		clear(st.told)
		st.plain = &told{By: by, Waiting: s.Waiting}
		return
	}
	st.plain = nil
	news := slices.ContainsFunc(s.Counts[:], func(c *Counts) bool { return c != nil && c.New > 0 })
	for c, counts := range s.Counts {
		if counts != nil {
			// A server may say "yes" and count no new ones: its word stands.
			st.told[Class(c)] = told{By: by, Waiting: s.Waiting && (counts.New > 0 || !news), Counts: *counts}
		}
	}
}

// drop ends all that is an owner's word.
func (st *state) drop(by string) {
	maps.DeleteFunc(st.told, func(_ Class, t told) bool { return t.By == by })
	if st.plain != nil && st.plain.By == by {
		st.plain = nil
	}
	if len(st.told) == 0 && st.plain == nil {
		st.account = ""
	}
}

// summarise computes the summary.
func (st *state) summarise(seed maphash.Seed) {
	s := Summary{Account: st.account}
	if st.plain != nil {
		s.Waiting = st.plain.Waiting
	}
	for c, t := range st.told {
		s.Waiting = s.Waiting || t.Waiting
		s.Counts[c] = &t.Counts
	}
	st.summary, st.number = s, 0
	if s != (Summary{}) {
		st.number = max(1, maphash.Bytes(seed, s.Append(nil)))
	}
}
