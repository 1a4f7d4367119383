package server

import (
	"strings"

	"lamplight/sip/message"
)

// urgent reports whether a Request-URI calls for help in some domain, as a phone
// dials it or as it goes to a trunk. It is asked where there is no room left only.
func (s *Server) urgent(uri string) bool {
	if u, err := message.ParseURI(uri); err == nil && (u.Scheme == "sip" || u.Scheme == "sips") {
		uri = u.UserDecoded()
	} else if err != nil && !strings.HasPrefix(uri, "urn:") {
		return false
	}
	for _, d := range s.directory.Domains() {
		if _, ok := d.Policy.EmergencyNumber(uri); ok {
			return true
		}
	}
	return false
}
