package login

import (
	"net/http"
	"net/netip"
	"time"
)

// The cookie's names. The prefix __Host- makes the browser insist on Secure and
// on this very host. Over plain HTTP on the loopback address, where a Secure
// cookie would not be kept by every browser, the name is another one, since
// browsers refuse to replace a Secure cookie from there.
const (
	CookieSecure = "__Host-lamplight"
	CookiePlain  = "lamplight"
)

// Cookie is how the session is handed to the browser.
type Cookie struct {
	// Secure: over TLS.
	Secure bool
	// Framed keeps the session working in a frame of another site's page. The
	// browser then sends it with that site's requests too, but keeps it apart
	// for each site that frames us (Partitioned), so a site has only the
	// session that was opened in its own frame. Needs Secure.
	Framed bool
}

// Set hands the session to the browser.
func (c Cookie) Set(w http.ResponseWriter, token string, expires time.Time) {
	http.SetCookie(w, c.cookie(token, expires))
}

// ClearCookie takes the session back, however it was handed out.
func ClearCookie(w http.ResponseWriter, secure bool) {
	for _, c := range []Cookie{{Secure: secure}, {Secure: secure, Framed: true}} {
		k := c.cookie("", time.Unix(1, 0))
		k.MaxAge = -1
		http.SetCookie(w, k)
		if !secure {
			return
		}
	}
}

func (c Cookie) cookie(value string, expires time.Time) *http.Cookie {
	k := &http.Cookie{
		Name: CookiePlain, Value: value, Path: "/", Expires: expires,
		Secure: c.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if c.Secure {
		k.Name = CookieSecure
	}
	if c.Secure && c.Framed {
		k.SameSite, k.Partitioned = http.SameSiteNoneMode, true
	}
	return k
}

// Token is the value of the session cookie of this request, or empty.
func Token(r *http.Request, secure bool) string {
	name := CookiePlain
	if secure {
		name = CookieSecure
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// MayUsePlain reports whether a session may be opened over plain HTTP: only by
// a browser on this machine.
func MayUsePlain(from netip.Addr) bool { return from.Unmap().IsLoopback() }
