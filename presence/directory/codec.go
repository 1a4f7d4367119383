package directory

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"time"

	"lamplight/presence"
)

// The encodings of records (store.Record.Codec).
const (
	// codecJSON is the value in JSON: domains, of which there are few, and what
	// completes an edit.
	codecJSON = 1
	// codecPending is two values of another encoding, of an edit that may not be
	// complete; see pendingRecord.
	codecPending = 2
	// codecCompact is an agent, or a device with what hangs on it, field after
	// field: texts and lists with their length before them, numbers as varints,
	// ids as they are, times as nanoseconds since 1970. There are a million of
	// them to be written by an import and read at a start.
	codecCompact = 3
)

// errTorn: a compact record ends too soon, goes on too long or has a value that
// none of this version can have.
var errTorn = errors.New("not an agent or device in the compact encoding")

// writer appends the parts of a compact record.
type writer []byte

func (w *writer) number(n uint64)   { *w = binary.AppendUvarint(*w, n) }
func (w *writer) id(id presence.ID) { *w = append(*w, id[:]...) }
func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	*w = append(*w, s...)
}

func (w *writer) texts(list []string) {
	w.number(uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

// instant keeps the zero time, which means no bound, apart from all others.
func (w *writer) instant(t time.Time) {
	if t.IsZero() {
		*w = binary.AppendVarint(*w, math.MinInt64)
		return
	}
	*w = binary.AppendVarint(*w, t.UnixNano())
}

// scanner takes a compact record apart. It keeps the texts of a record together
// in one string, which saves memory where they are all kept.
type scanner struct {
	left string
	bad  bool
	// names are those seen before, so that a million phones share one name.
	names map[string]string
}

// maxInterned bounds scanner.names.
const maxInterned = 4096

// reset begins with another record.
func (r *scanner) reset(data []byte) *scanner {
	r.left, r.bad = string(data), false
	return r
}

func (r *scanner) number() uint64 {
	var n uint64
	for shift := 0; shift < 64 && len(r.left) > 0; shift += 7 {
		b := r.left[0]
		r.left = r.left[1:]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.bad = true
	return 0
}

func (r *scanner) take(n uint64) string {
	if n > uint64(len(r.left)) {
		r.bad, r.left = true, ""
		return ""
	}
	s := r.left[:n]
	r.left = r.left[n:]
	return s
}

func (r *scanner) text() string { return r.take(r.number()) }

// name is a text that many records share.
func (r *scanner) name() string {
	s := r.text()
	if known, ok := r.names[s]; ok {
		return known
	}
	if len(r.names) < maxInterned {
		s = string([]byte(s)) // not the whole record with it
		r.names[s] = s
	}
	return s
}

// count is the length of a list whose elements take at least a byte each.
func (r *scanner) count() int {
	n := r.number()
	if n > uint64(len(r.left)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *scanner) list(one func() string) []string {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = one()
	}
	return out
}

func (r *scanner) id() (id presence.ID) {
	copy(id[:], r.take(uint64(len(id))))
	return id
}

func (r *scanner) instant() time.Time {
	n := r.number()
	ns := int64(n >> 1)
	if n&1 != 0 {
		ns = ^ns
	}
	if ns == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// end is the error of the record, if anything was wrong with it.
func (r *scanner) end() error {
	if r.bad || r.left != "" {
		return errTorn
	}
	return nil
}

// The flags of an agent: its options, and whether the settings follow in JSON
// because there is more to them, and whether there is a PIN.
const (
	flagWebphone = 1 << iota
	flagSIPPhone
	flagMobile
	flagSettings
	flagPIN // its hash follows
	flagCaller
	flagCallerHidden
)

// The flags of a device.
const (
	flagPublishSelects = 1 << iota
	flagPublishCalls
	flagShared
)

func appendAgent(b []byte, v *presence.Agent) ([]byte, error) {
	w := writer(b)
	w.id(v.ID.ID)
	w.id(v.Domain.ID)
	w.text(v.Number)
	w.text(v.Name)
	w.texts(v.Teams)
	w.texts(v.AORs)
	w.text(string(v.Role))
	w.text(v.LoginHash)
	o := &v.Settings.Options
	var flags uint64
	for i, on := range [...]bool{o.Webphone, o.SIPPhone, o.Mobile} {
		if on {
			flags |= 1 << i
		}
	}
	if v.PINHash != "" {
		flags |= flagPIN
	}
	if v.Caller.Number != "" || v.Caller.Name != "" {
		flags |= flagCaller
	}
	if v.Caller.Hide {
		flags |= flagCallerHidden
	}
	plain := len(o.Numbers) == 0 && v.Settings.Saved == nil && v.Settings.Before == nil && v.Settings.Fallback == "" &&
		v.Settings.Hours == nil && v.Settings.AfterHours == "" && v.Settings.Ringing.IsZero()
	if !plain {
		flags |= flagSettings
	}
	w.number(flags)
	if v.PINHash != "" {
		w.text(v.PINHash)
	}
	if flags&flagCaller != 0 {
		w.text(v.Caller.Number)
		w.text(v.Caller.Name)
	}
	if plain {
		return w, nil
	}
	text, err := json.Marshal(v.Settings)
	return append(w, text...), err
}

func (r *scanner) agent() (*presence.Agent, error) {
	v := &presence.Agent{ID: presence.AgentID{ID: r.id()}, Domain: presence.DomainID{ID: r.id()}}
	v.Number = r.text()
	v.Name = r.text()
	v.Teams = r.list(r.name)
	v.AORs = r.list(r.text)
	v.Role = presence.Role(r.name())
	v.LoginHash = r.text()
	flags := r.number()
	if flags&flagPIN != 0 {
		v.PINHash = r.text()
	}
	if v.Caller.Hide = flags&flagCallerHidden != 0; flags&flagCaller != 0 {
		v.Caller.Number, v.Caller.Name = r.text(), r.name()
	}
	if flags&flagSettings != 0 {
		err := json.Unmarshal([]byte(r.take(uint64(len(r.left)))), &v.Settings)
		return v, errors.Join(err, r.end())
	}
	o := &v.Settings.Options
	o.Webphone, o.SIPPhone, o.Mobile = flags&flagWebphone != 0, flags&flagSIPPhone != 0, flags&flagMobile != 0
	return v, r.end()
}

func appendDevice(b []byte, v *device) []byte {
	w := writer(b)
	w.id(v.ID.ID)
	w.id(v.Domain.ID)
	w.text(string(v.Kind))
	w.text(v.Name)
	w.texts(v.Digest)
	var flags uint64
	for i, on := range [...]bool{v.PublishSelects, v.PublishCalls, v.Shared} {
		if on {
			flags |= 1 << i
		}
	}
	w.number(flags)
	w.number(uint64(len(v.credentials)))
	for _, c := range v.credentials {
		w.text(c.Username)
		w.text(c.HA1.MD5)
		w.text(c.HA1.SHA256)
		w.text(c.HA1.SHA512256)
	}
	w.number(uint64(len(v.assignments)))
	for i := range v.assignments {
		a := &v.assignments[i]
		w.id(a.Agent.ID)
		w.instant(a.From)
		w.instant(a.To)
	}
	return w
}

func (r *scanner) device() (*device, error) {
	v := &device{Device: presence.Device{ID: presence.DeviceID{ID: r.id()}, Domain: presence.DomainID{ID: r.id()}}}
	v.Kind = presence.DeviceKind(r.name())
	v.Name = r.name()
	v.Digest = r.list(r.name)
	flags := r.number()
	v.PublishSelects, v.PublishCalls, v.Shared = flags&flagPublishSelects != 0, flags&flagPublishCalls != 0, flags&flagShared != 0
	if n := r.count(); n > 0 {
		all := make([]presence.Credential, n)
		v.credentials = make([]*presence.Credential, n)
		for i := range all {
			all[i] = presence.Credential{Domain: v.Domain, Device: v.ID, Username: r.text(),
				HA1: presence.HA1{MD5: r.text(), SHA256: r.text(), SHA512256: r.text()}}
			v.credentials[i] = &all[i]
		}
	}
	if n := r.count(); n > 0 {
		v.assignments = make([]presence.Assignment, n)
		for i := range v.assignments {
			v.assignments[i] = presence.Assignment{Device: v.ID, Agent: presence.AgentID{ID: r.id()}, From: r.instant(), To: r.instant()}
		}
	}
	return v, r.end()
}
