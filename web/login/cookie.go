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

// SetCookie hands the session to the browser.
func SetCookie(w http.ResponseWriter, secure bool, token string, expires time.Time) {
	http.SetCookie(w, cookie(secure, token, expires))
}

// ClearCookie takes it back.
func ClearCookie(w http.ResponseWriter, secure bool) {
	c := cookie(secure, "", time.Unix(1, 0))
	c.MaxAge = -1
	http.SetCookie(w, c)
}

func cookie(secure bool, value string, expires time.Time) *http.Cookie {
	name := CookiePlain
	if secure {
		name = CookieSecure
	}
	return &http.Cookie{
		Name: name, Value: value, Path: "/", Expires: expires,
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
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
