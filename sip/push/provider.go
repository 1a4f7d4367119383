package push

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Form is how a push is written down.
type Form string

// The forms there are.
const (
	FormAPNs Form = "apns" // Apple's HTTP/2 API: headers, and {"aps":…}
	FormFCM  Form = "fcm"  // Firebase's HTTP v1 API: {"message":…}
	FormJSON Form = "json" // one flat object, for a gateway of one's own
)

// Provider is one push service and how it is reached. The zero value of every
// limit is its default.
type Provider struct {
	Name string // the pn-provider it serves: apns, fcm, webpush or another
	// Form of its payload; default: that of its name, else FormJSON.
	Form Form
	// URL to POST to, https, or http to loopback. {prid} and {param} in its path
	// stand for the device's. Default for apns and fcm: the service's own.
	URL string
	// Headers are added to each request.
	Headers map[string]string
	// Token is a bearer token, TokenFile a file that has it and is read again when
	// it changes; at most one of them.
	Token, TokenFile string
	// Timeout of one try; default 5 s. Tries is how many are made of a push that
	// may yet succeed; default 3.
	Timeout time.Duration
	Tries   int
	// Queue is the most pushes that wait, Workers the most that are sent at once;
	// default 1000, 8.
	Queue, Workers int
}

const (
	urlAPNs = "https://api.push.apple.com/3/device/{prid}"
	urlFCM  = "https://fcm.googleapis.com/v1/projects/{param}/messages:send"
)

func (p Provider) withDefaults() Provider {
	p.Name = strings.ToLower(p.Name)
	if p.Form == "" {
		switch p.Name {
		case APNs:
			p.Form = FormAPNs
		case FCM:
			p.Form = FormFCM
		default:
			p.Form = FormJSON
		}
	}
	if p.URL == "" {
		switch p.Form {
		case FormAPNs:
			p.URL = urlAPNs
		case FormFCM:
			p.URL = urlFCM
		case FormJSON:
		}
	}
	if p.Timeout <= 0 {
		p.Timeout = 5 * time.Second
	}
	p.Tries = cmp.Or(max(p.Tries, 0), 3)
	p.Queue, p.Workers = cmp.Or(max(p.Queue, 0), 1000), cmp.Or(max(p.Workers, 0), 8)
	return p
}

// Bounds of Validate.
const (
	maxTimeout = time.Minute
	maxTries   = 10
	maxQueue   = 100_000
	maxWorkers = 1000
)

// Validate reports what cannot work.
func (p Provider) Validate() error {
	p = p.withDefaults()
	switch {
	case p.Name == "" || strings.ContainsAny(p.Name, " \t\";,=<>"):
		return fmt.Errorf("name %q is not the name of a push service", p.Name)
	case p.Form != FormAPNs && p.Form != FormFCM && p.Form != FormJSON:
		return fmt.Errorf("form %q is none of apns, fcm and json", p.Form)
	case p.Token != "" && p.TokenFile != "":
		return errors.New("token and token_file exclude each other")
	case p.Timeout > maxTimeout || p.Tries > maxTries || p.Queue > maxQueue || p.Workers > maxWorkers:
		return fmt.Errorf("more than %v of timeout, %d tries, a queue of %d or %d workers", maxTimeout, maxTries, maxQueue, maxWorkers)
	}
	for name, value := range p.Headers {
		if name == "" || strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(value, "\r\n") {
			return fmt.Errorf("%q is no header", name)
		}
	}
	return p.checkURL()
}

func (p *Provider) checkURL() error {
	if p.URL == "" {
		return errors.New("url is missing")
	}
	u, err := url.Parse(p.address(Target{PRID: "x", Param: "x"}))
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return fmt.Errorf("url %q is not https://host/path", p.URL)
	case strings.ContainsAny(u.Path+u.RawQuery+u.Host, "{}"):
		return fmt.Errorf("url %q has another placeholder than {prid} and {param}", p.URL)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return fmt.Errorf("url %q is not https: tokens would be readable on the way", p.URL)
	}
	if head, _, _ := strings.Cut(strings.TrimPrefix(p.URL, u.Scheme+"://"), "/"); strings.Contains(head, "{") {
		return fmt.Errorf("url %q: a device must not choose the host", p.URL)
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// address is the URL for a device.
func (p *Provider) address(t Target) string {
	return strings.NewReplacer("{prid}", segment(t.PRID), "{param}", segment(t.Param)).Replace(p.URL)
}

// segment escapes a value so that it stays one segment of a path.
func segment(s string) string {
	if s == "." || s == ".." {
		return "%2E"
	}
	return url.PathEscape(s)
}

// needsParam: without pn-param a push to this service would go nowhere.
func (p *Provider) needsParam() bool {
	q := p.withDefaults()
	_, topic := q.Headers["apns-topic"]
	return q.Form == FormAPNs && !topic || strings.Contains(q.URL, "{param}")
}
