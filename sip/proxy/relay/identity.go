package relay

import (
	"slices"
	"strings"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// strip are the headers by which only who is believed may say who speaks (RFC 3325
// §5); who asks for privacy within a dialog is told to nobody.
func (r *Relay) strip(req *transaction.Request) []message.Name {
	wish := strings.FieldsFunc(strings.ToLower(strings.Join(req.Values("Privacy"), ";")), func(c rune) bool { return c == ';' || c == ',' || c == ' ' })
	if r.o.Believed != nil && r.o.Believed(req.Flow) && !slices.Contains(wish, "id") {
		return nil
	}
	return []message.Name{"P-Asserted-Identity", "P-Preferred-Identity"}
}
