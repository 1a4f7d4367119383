package message

// canonical gives the long, canonically spelt name of a header (RFC 3261
// §7.3.1, §7.3.3). Known names in their usual spelling cost no allocation.
func canonical(s string) Name {
	if n, ok := known(s); ok {
		return n
	}
	if len(s) == 1 {
		if n, ok := compact(s[0]); ok {
			return n
		}
	}
	return canonicalSlow(s)
}

// canonicalSlow folds case as "Word-Word", then knows the exceptions.
func canonicalSlow(s string) Name {
	var room [48]byte
	b := append(room[:0], s...)
	up := true
	for i, c := range b {
		switch {
		case up && 'a' <= c && c <= 'z':
			b[i] = c - 'a' + 'A'
		case !up && 'A' <= c && c <= 'Z':
			b[i] = c - 'A' + 'a'
		}
		up = c == '-'
	}
	switch string(b) {
	case "Call-Id":
		return CallID
	case "Cseq":
		return CSeq
	case "Sip-Etag":
		return SIPETag
	case "Sip-If-Match":
		return SIPIfMatch
	case "Www-Authenticate":
		return WWWAuthenticate
	case "Rseq": // what passes through is spelt as its RFC does: phones are no readers of §7.3.1
		return "RSeq"
	case "Rack":
		return "RAck"
	case "Min-Se":
		return "Min-SE"
	case "Mime-Version":
		return "MIME-Version"
	}
	if n, ok := known(string(b)); ok {
		return n
	}
	return Name(b)
}

// compact expands the compact forms that IANA lists.
func compact(c byte) (Name, bool) {
	switch c | 0x20 {
	case 'a':
		return "Accept-Contact", true
	case 'b':
		return "Referred-By", true
	case 'c':
		return ContentType, true
	case 'd':
		return "Request-Disposition", true
	case 'e':
		return ContentEncoding, true
	case 'f':
		return From, true
	case 'i':
		return CallID, true
	case 'j':
		return "Reject-Contact", true
	case 'k':
		return Supported, true
	case 'l':
		return ContentLength, true
	case 'm':
		return Contact, true
	case 'n':
		return "Identity-Info", true
	case 'o':
		return Event, true
	case 'r':
		return "Refer-To", true
	case 's':
		return "Subject", true
	case 't':
		return To, true
	case 'u':
		return AllowEvents, true
	case 'v':
		return Via, true
	case 'x':
		return "Session-Expires", true
	case 'y':
		return "Identity", true
	}
	return "", false
}

// known returns the constant of a name in canonical spelling.
func known(s string) (Name, bool) {
	switch n := Name(s); n {
	case Accept, Allow, AllowEvents, Authorization, CallID, Contact, ContentEncoding, ContentLength,
		ContentType, CSeq, Date, Event, Expires, From, MaxForwards, MinExpires, Path, ProxyAuthenticate,
		ProxyAuthorization, ProxyRequire, Reason, RecordRoute, Require, RetryAfter, Route, Server, SIPETag,
		SIPIfMatch, SubscriptionState, Supported, SuppressIfMatch, To, Unsupported, UserAgent, Via, Warning, WWWAuthenticate,
		CallKind:
		return n, true
	}
	return "", false
}

// isList reports whether a comma in the header's value separates values that
// might as well stand in headers of their own (RFC 3261 §7.3.1). Challenges,
// credentials, dates and free text are not lists.
func isList(n Name) bool {
	switch n {
	case Accept, "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", Allow, AllowEvents,
		"Call-Info", Contact, ContentEncoding, "Content-Language", "Diversion", "Error-Info", "History-Info",
		"In-Reply-To", "P-Asserted-Identity", "P-Preferred-Identity", Path, ProxyRequire, Reason, RecordRoute,
		"Reject-Contact", "Request-Disposition", Require, Route, "Service-Route", Supported, Unsupported, Via, Warning:
		return true
	}
	return false
}
