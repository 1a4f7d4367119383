// Package desk gives hot desks to agents and takes them back: phones that are
// nobody's own.
//
// # Guarantees
//
//   - A login is an assignment with an end, a shift from now. It takes the desk
//     over from whoever was there. What the desk is apart from that (somebody's
//     own phone, or nobody's) comes back when the shift ends, by itself or by a
//     logout before.
//   - Whoever logs in by phone proves it by the agent's PIN where the domain asks
//     for it. Wrong PINs are counted, for the desk and for the agent: after five
//     there is one try a minute. A try is taken before the PIN is looked at.
//   - The edit that moves the desk is durable when Login or Logout returns; its
//     registrations, lamps and keys follow from it.
//   - A device remembers its last eight logins, no more.
package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// Errors matched by errors.Is. The end of their texts is for people.
var (
	// ErrDesk says why the device cannot be logged in at, or out of.
	ErrDesk = errors.New("desk: no hot desk")
	// ErrProof says that the agent is not known, or the PIN not right.
	ErrProof = errors.New("desk: not let in")
	// ErrTooMany says that there were too many wrong PINs.
	ErrTooMany = errors.New("desk: too many tries")
)

// Options of Desks. Directory and Verify are required.
type Options struct {
	Directory *directory.Directory
	// Verify reports whether a PIN is the one behind a hash. It may take its time.
	Verify func(hash, pin string) (bool, error)
	// Hash makes the hash of a PIN, for SetPIN.
	Hash func(pin string) string
	// Keys bounds how many desks and agents are remembered for wrong PINs; default
	// 16,384.
	Keys int
}

// Desks is safe for concurrent use and owns no goroutine.
type Desks struct {
	o     Options
	tries *tries
	// nobodys is the hash that is looked at where there is none.
	nobodys func() string
	edit    sync.Mutex // held from reading the assignments to having changed them
}

// New makes the desks of a directory.
func New(o Options) (*Desks, error) {
	if o.Directory == nil || o.Verify == nil || o.Hash == nil {
		return nil, errors.New("desk: directory, verify and hash are required")
	}
	if o.Keys <= 0 {
		o.Keys = 1 << 14
	}
	nobodys := sync.OnceValue(func() string { return o.Hash("nobody's") })
	return &Desks{o: o, tries: newTries(o.Keys), nobodys: nobodys}, nil
}

// Login is an agent's wish to sit down at a desk.
type Login struct {
	Device presence.DeviceID
	// Number is the agent's.
	Number string
	// PIN is looked at where Proof demands it.
	PIN   string
	Proof bool
	// Shift is when the login ends by itself; zero: the domain's.
	Shift time.Duration
	Actor string
	Cause presence.Cause
}

// Login gives the desk to the agent and says until when.
func (d *Desks) Login(ctx context.Context, l Login) (presence.Assignment, error) {
	dev, dom, err := d.desk(l.Device)
	if err != nil {
		return presence.Assignment{}, err
	}
	agent, known := d.o.Directory.AgentByNumber(dom.ID, l.Number)
	if l.Proof {
		if err := d.prove(&l, dom, agent); err != nil {
			return presence.Assignment{}, err
		}
	}
	if !known {
		return presence.Assignment{}, fmt.Errorf("%w: there is no agent %s", ErrProof, l.Number)
	}
	shift := l.Shift
	if shift <= 0 {
		shift = dom.Policy.Desk.Length()
	}
	d.edit.Lock()
	defer d.edit.Unlock()
	now := time.Now().UTC().Truncate(time.Millisecond)
	a := presence.Assignment{Device: dev.ID, Agent: agent.ID, From: now, To: now.Add(shift)}
	return a, d.move(ctx, dev.ID, now, &a, l.Actor, l.Cause)
}

// Logout ends the login at the desk.
func (d *Desks) Logout(ctx context.Context, id presence.DeviceID, actor string) error {
	dev, _, err := d.desk(id)
	if err != nil {
		return err
	}
	d.edit.Lock()
	defer d.edit.Unlock()
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !slices.ContainsFunc(d.o.Directory.AssignmentsOf(dev.ID), func(a presence.Assignment) bool { return login(&a) && holds(&a, now) }) {
		return fmt.Errorf("%w: nobody is logged in at this phone", ErrDesk)
	}
	return d.move(ctx, dev.ID, now, nil, actor, presence.CauseLogout)
}

// desk is the device, which has to be a hot desk.
func (d *Desks) desk(id presence.DeviceID) (*presence.Device, *presence.Domain, error) {
	dev, ok := d.o.Directory.Device(id)
	if !ok {
		return nil, nil, fmt.Errorf("%w: there is no such device", ErrDesk)
	}
	if !dev.Shared {
		return nil, nil, fmt.Errorf("%w: this phone is not shared", ErrDesk)
	}
	dom, ok := d.o.Directory.Domain(dev.Domain)
	if !ok {
		return nil, nil, fmt.Errorf("%w: its domain is no more", ErrDesk)
	}
	return dev, dom, nil
}

// move ends the login there is, begins next if there is one, and lets what the
// desk is otherwise come back after it. The caller holds edit.
func (d *Desks) move(ctx context.Context, dev presence.DeviceID, now time.Time, next *presence.Assignment, actor string, cause presence.Cause) error {
	have := d.o.Directory.AssignmentsOf(dev)
	e := directory.Edit{Actor: actor, Cause: string(cause), Assignments: differences(have, moved(have, now, next))}
	if err := d.o.Directory.Apply(ctx, e); err != nil {
		return fmt.Errorf("desk: %w", err)
	}
	return nil
}
