// Package message is Lamplight's view of SIP messages (RFC 3261 §7): one type
// for requests and responses, filled either by the lean reader, which takes the
// common shapes of the hot paths without allocating much, or by sipgo's parser,
// which takes everything else. Both fill it alike; a differential fuzz test
// holds them equal.
//
// A Message is immutable once parsed and safe to share. Its strings point into
// one private copy of the datagram or frame: who keeps one of them for long
// (a contact, a Call-ID) clones it, or the whole message stays in memory.
//
// Header values are kept as sent: sipgo's own typed headers re-quote and drop
// parameters, so sipgo is asked for the start line, URI grammar, folding and
// framing only, and every value is read by the tolerant readers of this package
// (NameAddr, Params, URI, Via). Nothing here judges a request; Validate does.
package message

// Name is a header's canonical long name, such as "Call-ID". Compact forms are
// expanded and case is folded when a message is read.
type Name string

// The names Lamplight reads or writes.
const (
	Accept             Name = "Accept"
	Allow              Name = "Allow"
	AllowEvents        Name = "Allow-Events"
	Authorization      Name = "Authorization"
	CallID             Name = "Call-ID"
	Contact            Name = "Contact"
	ContentEncoding    Name = "Content-Encoding"
	ContentLength      Name = "Content-Length"
	ContentType        Name = "Content-Type"
	CSeq               Name = "CSeq"
	Date               Name = "Date"
	Event              Name = "Event"
	Expires            Name = "Expires"
	From               Name = "From"
	MaxForwards        Name = "Max-Forwards"
	MinExpires         Name = "Min-Expires"
	Path               Name = "Path"
	ProxyAuthenticate  Name = "Proxy-Authenticate"
	ProxyAuthorization Name = "Proxy-Authorization"
	ProxyRequire       Name = "Proxy-Require"
	Reason             Name = "Reason"
	RecordRoute        Name = "Record-Route"
	Require            Name = "Require"
	RetryAfter         Name = "Retry-After"
	Route              Name = "Route"
	Server             Name = "Server"
	SessionExpires     Name = "Session-Expires"
	SIPETag            Name = "SIP-ETag"
	SIPIfMatch         Name = "SIP-If-Match"
	SubscriptionState  Name = "Subscription-State"
	Supported          Name = "Supported"
	SuppressIfMatch    Name = "Suppress-If-Match"
	To                 Name = "To"
	Unsupported        Name = "Unsupported"
	UserAgent          Name = "User-Agent"
	Via                Name = "Via"
	Warning            Name = "Warning"
	WWWAuthenticate    Name = "WWW-Authenticate"
	CallKind           Name = "X-Lamplight-Call-Kind"
)

// Header is one header line, its value unfolded and trimmed, otherwise as sent.
type Header struct {
	Name  Name
	Value string
}

// Message is a request (Method is set) or a response (Status is set).
type Message struct {
	Method string // as sent; methods are case-sensitive
	URI    string // Request-URI as sent
	Status int
	Phrase string
	// Headers in the order of the message; a comma list stays one value.
	Headers []Header
	Body    []byte
	// Raw is the message as received, nil for one made here.
	Raw []byte

	// version is the SIP version of the start line, "" for SIP/2.0.
	version string
	// via is the top Via, read once because every layer asks for it; nil for a
	// message made by hand.
	via *ViaValue
}
