// Package reginfo writes application/reginfo+xml (RFC 3680): what is registered.
//
// What is written is always full state: a registration for every address of
// record of the agent, with every contact, and those that ended lately. Ids are
// made of what is stored, so the same registrations have the same ids after a
// restart.
package reginfo

import (
	"strconv"
	"strings"
	"time"

	"lamplight/sip/events/xmltext"
)

// ContentType is the MIME type of the documents (RFC 3680 §5.1).
const ContentType = "application/reginfo+xml"

// Contact is one contact of an address of record.
type Contact struct {
	ID  string
	AOR string // user@domain
	URI string
	// Event is what made it what it is, such as "refreshed" (RFC 3680 §5.3). Ended
	// says that it is bound no more.
	Event  string
	Ended  bool
	CallID string
	Q      int       // thousandths
	Since  time.Time // first registered
	// Expires is the end the device was told.
	Expires time.Time
	// Instance and RegID are parameters of the contact (RFC 5626 §4.1).
	Instance, RegID string
	// PubGRUU is that of the contact (RFC 5628), if it has one.
	PubGRUU string
}

// View is what differs between two watchers of one agent.
type View struct {
	// Entity is the URI that was subscribed to, as it was written. It stands for
	// the address of record it names, or for the first.
	Entity string
	AORs   []string // of the agent
	Now    time.Time
	// Limit is the size in bytes beyond which all is left out that a contact may
	// do without; contacts never are. Zero means no limit.
	Limit int
}

// Append appends the document and returns the position, counted from the start
// of dst, at which the decimal version belongs (RFC 3680 §5.2: it counts the
// documents of a subscription).
func Append(dst []byte, contacts []Contact, v View) (doc []byte, version int) {
	start := len(dst)
	doc, version = appendAll(dst, contacts, &v, false)
	if v.Limit > 0 && len(doc)-start > v.Limit {
		doc, version = appendAll(doc[:start], contacts, &v, true)
	}
	return doc, version
}

func appendAll(dst []byte, contacts []Contact, v *View, brief bool) (doc []byte, version int) {
	dst = append(dst, `<?xml version="1.0"?>`+"\n"+`<reginfo xmlns="urn:ietf:params:xml:ns:reginfo"`...)
	for i := range contacts {
		if contacts[i].PubGRUU != "" {
			dst = append(dst, ` xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"`...)
			break
		}
	}
	dst = append(dst, ` version="`...)
	version = len(dst)
	dst = append(dst, "\" state=\"full\">\n"...)
	named := v.named()
	for i, aor := range v.AORs {
		if i == named {
			dst = appendRegistration(dst, aor, v.Entity, contacts, v, brief)
		} else {
			dst = appendRegistration(dst, aor, "", contacts, v, brief)
		}
	}
	if len(v.AORs) == 0 {
		dst = appendRegistration(dst, "", v.Entity, nil, v, brief)
	}
	return append(dst, "</reginfo>\n"...), version
}

// named is which of the agent's addresses the watcher subscribed to.
func (v *View) named() int {
	_, address, _ := strings.Cut(v.Entity, ":")
	for i, aor := range v.AORs {
		if strings.EqualFold(aor, address) {
			return i
		}
	}
	return 0
}

// appendRegistration writes one address of record (RFC 3680 §5.2): init when
// nothing is bound, terminated when what was bound has just ended.
func appendRegistration(dst []byte, aor, entity string, contacts []Contact, v *View, brief bool) []byte {
	dst = append(dst, `<registration aor="`...)
	if entity == "" {
		dst = append(dst, "sip:"...)
		dst = xmltext.Append(dst, aor)
	} else {
		dst = xmltext.Append(dst, entity)
	}
	dst = append(dst, `" id="r`...)
	dst = strconv.AppendUint(dst, hash(aor), 16)
	dst = append(append(append(dst, `" state="`...), stateOf(aor, contacts)...), "\">\n"...)
	for i := range contacts {
		if contacts[i].AOR == aor {
			dst = appendContact(dst, &contacts[i], v.Now, brief)
		}
	}
	return append(dst, "</registration>\n"...)
}

func stateOf(aor string, contacts []Contact) string {
	state := "init"
	for i := range contacts {
		switch {
		case contacts[i].AOR != aor:
		case !contacts[i].Ended:
			return "active"
		default:
			state = "terminated"
		}
	}
	return state
}

// appendContact writes a contact in the element order of the schema (RFC 3680
// §5.4). The CSeq is left out: refreshes that nobody is told of move it.
func appendContact(dst []byte, c *Contact, now time.Time, brief bool) []byte {
	dst = append(dst, `<contact id="`...)
	dst = xmltext.Append(dst, c.ID)
	if c.Ended {
		dst = append(dst, `" state="terminated" event="`...)
	} else {
		dst = append(dst, `" state="active" event="`...)
	}
	dst = append(append(dst, c.Event...), `" duration-registered="`...)
	dst = strconv.AppendInt(dst, seconds(now.Sub(c.Since)), 10)
	if !c.Ended {
		dst = append(dst, `" expires="`...)
		dst = strconv.AppendInt(dst, seconds(c.Expires.Sub(now)), 10)
		dst = append(dst, `" q="`...)
		dst = appendQ(dst, c.Q)
	}
	if !brief && c.CallID != "" {
		dst = append(dst, `" callid="`...)
		dst = xmltext.Append(dst, c.CallID)
	}
	dst = append(dst, `"><uri>`...)
	dst = xmltext.Append(dst, c.URI)
	dst = append(dst, "</uri>"...)
	if !brief && c.Instance != "" {
		dst = append(dst, `<unknown-param name="+sip.instance">&quot;&lt;`...)
		dst = xmltext.Append(dst, c.Instance)
		dst = append(dst, "&gt;&quot;</unknown-param>"...)
	}
	if !brief && c.RegID != "" {
		dst = append(dst, `<unknown-param name="reg-id">`...)
		dst = xmltext.Append(dst, c.RegID)
		dst = append(dst, "</unknown-param>"...)
	}
	if c.PubGRUU != "" {
		dst = append(dst, `<gr:pub-gruu uri="`...)
		dst = xmltext.Append(dst, c.PubGRUU)
		dst = append(dst, `"/>`...)
	}
	return append(dst, "</contact>\n"...)
}

func seconds(d time.Duration) int64 { return max(0, int64((d+time.Second/2)/time.Second)) }

// appendQ writes thousandths as a qvalue.
func appendQ(dst []byte, q int) []byte {
	if q >= 1000 {
		return append(dst, "1.0"...)
	}
	return append(dst, '0', '.', byte('0'+q/100), byte('0'+q/10%10), byte('0'+q%10))
}

// hash is FNV-1a, which is the same in every process.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
