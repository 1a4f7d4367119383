package message

// equalFold compares what SIP compares without regard to case (RFC 3261 §7.3.1): letters
// of ASCII have two, and no other byte equals one that differs. strings.EqualFold folds
// all of Unicode, and takes any two bytes that are no UTF-8 for the same.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// toLower is that side of it: bytes other than ASCII's letters stay as they are.
func toLower(s string) string {
	for i := range len(s) {
		if lower(s[i]) != s[i] {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lower(b[i])
			}
			return string(b)
		}
	}
	return s
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
