package trunk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/resolve"
)

// errNoWay: every hop has been tried.
var errNoWay = errors.New("no hop is left to try")

// Trunks are all that there are. It is safe for concurrent use, and owns a goroutine
// for each trunk until Close.
type Trunks struct {
	o      Options
	up     *prometheus.GaugeVec
	failed *prometheus.CounterVec
	life   context.Context //nolint:containedctx // its own
	cancel context.CancelFunc

	mu     sync.Mutex
	lines  []*line // in the order of the configuration; guarded by mu
	closed bool    // guarded by mu
}

// Open begins to ask the trunks.
func Open(o Options, list []Trunk) (*Trunks, error) {
	if o.Finder == nil {
		o.Finder = resolve.NewCache(nil, resolve.Hosts{}).Locator()
	}
	t := &Trunks{
		o:      o,
		up:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lamplight_trunk_up", Help: "1 while the hop of a trunk answers."}, []string{"trunk", "hop"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_trunk_failed_total", Help: "Calls that a trunk's hop did not take, by why: 503, 408 (silence), lost, unreachable."}, []string{"trunk", "why"}),
	}
	if o.Metrics != nil {
		for _, c := range []prometheus.Collector{t.up, t.failed} {
			if err := o.Metrics.Register(c); err != nil {
				return nil, fmt.Errorf("metrics of trunks: %w", err)
			}
		}
	}
	t.life, t.cancel = context.WithCancel(context.Background())
	if err := t.Set(list); err != nil {
		t.cancel()
		return nil, err
	}
	return t, nil
}

// Close ends what it owns and waits for it.
func (t *Trunks) Close() error {
	t.cancel()
	t.mu.Lock()
	lines := t.lines
	t.lines, t.closed = nil, true
	t.mu.Unlock()
	for _, l := range lines {
		l.close()
	}
	return nil
}

// Set replaces the trunks, for calls from now on. What is known of those that stay
// as they are is kept.
func (t *Trunks) Set(list []Trunk) error {
	names := map[string]bool{}
	for _, c := range list {
		if err := c.Validate(); err != nil {
			return err
		}
		if names[c.Name] {
			return fmt.Errorf("two trunks are called %s", c.Name)
		}
		names[c.Name] = true
	}
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	old := t.lines
	t.lines = nil
	for _, c := range list {
		c = c.withDefaults()
		if i := slices.IndexFunc(old, func(l *line) bool { return same(&l.conf, &c) }); i >= 0 {
			t.lines = append(t.lines, old[i])
			old = slices.Delete(slices.Clone(old), i, i+1)
			continue
		}
		t.lines = append(t.lines, newLine(t, c, true))
	}
	t.mu.Unlock()
	for _, l := range old {
		l.close()
	}
	return nil
}

// same reports whether nothing has changed.
func same(a, b *Trunk) bool {
	x, y := *a, *b
	pools := x.Roots == y.Roots || x.Roots != nil && y.Roots != nil && x.Roots.Equal(y.Roots)
	x.Roots, y.Roots = nil, nil
	return pools && reflect.DeepEqual(x, y)
}

// For is the host that the first trunk of a domain puts into Request-URIs; ok is
// false if there is none.
func (t *Trunks) For(domain []string) (host string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lines {
		if l.conf.serves(domain) {
			return l.conf.Host, true
		}
	}
	return "", false
}

func (t *Trunk) serves(names []string) bool {
	return !t.Unlisted && (len(t.Domains) == 0 || slices.ContainsFunc(names, func(n string) bool {
		return slices.ContainsFunc(t.Domains, func(d string) bool { return strings.EqualFold(d, n) })
	}))
}

// Ways begins a call to a URI: it finds one hop after another. A host that is no
// trunk's is found by the DNS alone (RFC 3263).
func (t *Trunks) Ways(uri string) func(context.Context) (fork.Way, error) {
	u, err := message.ParseURI(uri)
	if err != nil {
		return func(context.Context) (fork.Way, error) { return fork.Way{}, err }
	}
	l := t.find(&u)
	if l == nil {
		l = newLine(t, Trunk{Name: u.Host, Servers: []resolve.Server{serverOf(&u)}, Every: -1}.withDefaults(), false)
	}
	var left []*hop
	begun := false
	return func(ctx context.Context) (fork.Way, error) {
		if !begun {
			begun = true
			if left, err = l.hopsFor(ctx); err != nil {
				return fork.Way{}, err
			}
		}
		failed := []error{errNoWay}
		for len(left) > 0 && ctx.Err() == nil {
			h := left[0]
			left = left[1:]
			f, err := l.flow(ctx, h)
			if err == nil {
				return l.way(h, f), nil
			}
			failed = append(failed, err)
		}
		return fork.Way{}, errors.Join(failed...)
	}
}

// find is the trunk whose host a URI has.
func (t *Trunks) find(u *message.URI) *line {
	host := written(u)
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.lines, func(l *line) bool { return strings.EqualFold(l.conf.Host, host) })
	if i < 0 {
		return nil
	}
	return t.lines[i]
}

// written is a URI's host[:port].
func written(u *message.URI) string {
	_, at, _ := strings.Cut(message.URI{Scheme: "sip", Host: u.Host, Port: u.Port}.String(), ":")
	return at
}

// serverOf is where a URI leads (RFC 3263 §4).
func serverOf(u *message.URI) resolve.Server {
	by, _ := u.Params.Get("transport")
	by = strings.ToUpper(by)
	switch {
	case u.Scheme == "sips":
		by = ""
	case by != "UDP" && by != "TCP" && by != "TLS":
		by = ""
	}
	server, err := resolve.ParseServer(by, written(u))
	if err != nil {
		return resolve.Server{Transport: by, Host: u.Host} // it will not be found
	}
	server.Secure = u.Scheme == "sips"
	return server
}

// Info lists every hop that is known, trunk by trunk.
func (t *Trunks) Info() []Info {
	t.mu.Lock()
	lines := slices.Clone(t.lines)
	t.mu.Unlock()
	var out []Info
	for _, l := range lines {
		out = append(out, l.info()...)
	}
	return out
}

// compareHops: those that can be used first, else as they were.
func compareHops(a, b bool) int { return cmp.Compare(rankOf(a), rankOf(b)) }

func rankOf(usable bool) int {
	if usable {
		return 0
	}
	return 1
}
