package csvimport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// HA1 computes the digest of user:realm:password for an algorithm named as in
// RFC 8760, in hex.
type HA1 func(algorithm, user, realm, password string) string

// Options of an import. Directory, Domain and HA1 are needed.
type Options struct {
	Directory *directory.Directory
	Domain    presence.DomainID
	HA1       HA1
	// Algorithms digests are kept for; default MD5 and SHA-256, so that the
	// choice of what is offered can change without the passwords.
	Algorithms []string
	DryRun     bool   // check only
	Actor      string // for the log; default "import"
	// Chunk is how many agents are applied in one edit; default 10,000.
	Chunk int
	// Errors is how many mistakes are told one by one; default 1000.
	Errors int
}

// Report says what an import did, or would do.
type Report struct {
	DryRun bool
	// Lines with an agent, and what became of them.
	Lines, Created, Updated, Unchanged, Failed int
	Errors                                     []*LineError
	Left                                       int // mistakes beyond Options.Errors
}

func (r *Report) fail(o *Options, e *LineError) {
	r.Failed++
	if len(r.Errors) < o.Errors {
		r.Errors = append(r.Errors, e)
		return
	}
	r.Left++
}

// Import reads the file and applies it. The error is the header's, the reader's
// or the store's; with it the report says what was done before. Mistakes of
// single lines are in the report alone.
func Import(ctx context.Context, o Options, r io.Reader) (Report, error) {
	if o.Directory == nil || o.HA1 == nil {
		return Report{}, errors.New("csvimport: no directory or no digest function")
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{"MD5", "SHA-256"}
	}
	if o.Actor == "" {
		o.Actor = "import"
	}
	if o.Chunk <= 0 {
		o.Chunk = 10_000
	}
	if o.Errors <= 0 {
		o.Errors = 1000
	}
	dom, ok := o.Directory.Domain(o.Domain)
	if !ok {
		return Report{}, fmt.Errorf("csvimport: domain %s: %w", o.Domain, directory.ErrNotFound)
	}
	rd, err := NewReader(r)
	if err != nil {
		return Report{}, err
	}
	im := &importer{o: &o, dom: dom, rd: rd, seen: make(map[string]int), report: Report{DryRun: o.DryRun}}
	rep, err := im.run(ctx)
	if rep.Lines >= releaseLines {
		im.seen = nil
		debug.FreeOSMemory()
	}
	return rep, err
}

// releaseLines is from how many lines on an import gives the memory it needed
// back to the system at once, rather than little by little: it was about as much
// as the agents take for good.
const releaseLines = 10_000

// importer is one import under way.
type importer struct {
	o      *Options
	dom    *presence.Domain
	rd     *Reader
	seen   map[string]int // user names of this file and their line
	now    time.Time
	report Report
}

func (im *importer) run(ctx context.Context) (Report, error) {
	im.now = time.Now().UTC().Truncate(time.Millisecond)
	for last := false; !last; {
		b := &batch{}
		var err error
		if last, err = im.fill(ctx, b); err != nil {
			return im.report, err
		}
		if err := im.apply(ctx, b); err != nil {
			return im.report, fmt.Errorf("csvimport: %w", err)
		}
	}
	return im.report, nil
}

// fill reads lines until the batch is full; last reports the end of the file.
func (im *importer) fill(ctx context.Context, b *batch) (last bool, err error) {
	for b.rows < im.o.Chunk {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		row, err := im.rd.Next()
		var wrong *LineError
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case errors.As(err, &wrong):
			im.report.Lines++
			im.report.fail(im.o, wrong)
			continue
		case err != nil:
			return false, fmt.Errorf("csvimport: read: %w", err)
		}
		im.report.Lines++
		if wrong := im.plan(b, &row); wrong != nil {
			im.report.fail(im.o, wrong)
		}
	}
	return false, nil
}

// apply commits a batch, or checks it. A mistake that only the directory knows
// of costs the lines to blame, and the rest is tried once more without them.
func (im *importer) apply(ctx context.Context, b *batch) error {
	for b.rows > 0 {
		e := b.edit(im.o.Actor)
		var err error
		if im.o.DryRun {
			err = im.o.Directory.Check(e)
		} else {
			err = im.o.Directory.Apply(ctx, e)
		}
		var wrong *directory.Mistakes
		if !errors.As(err, &wrong) {
			if err == nil {
				im.report.Created += b.created
				im.report.Updated += b.updated
			}
			return err
		}
		if !im.drop(b, wrong) {
			return err
		}
	}
	return nil
}

// drop takes the lines to blame out of the batch; false if none can be told.
func (im *importer) drop(b *batch, wrong *directory.Mistakes) bool {
	lines := make(map[int]string)
	for _, m := range wrong.List {
		if line := b.lineOf(m.Kind, m.Index); line > 0 && lines[line] == "" {
			lines[line] = m.Error()
		}
	}
	for _, p := range b.agents {
		if why, ok := lines[p.line]; ok {
			im.report.fail(im.o, &LineError{Line: p.line, Message: why})
		}
	}
	b.agents = slices.DeleteFunc(b.agents, func(p *planned) bool { _, ok := lines[p.line]; return ok })
	b.count()
	return len(lines) > 0
}
