package server

import (
	"context"
	"fmt"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/digest"
)

// seedDesks makes the hot desks' phones, and marks as such those there are.
func seedDesks(ctx context.Context, d *directory.Directory, dom *presence.Domain, desks []config.Desk) error {
	e := directory.Edit{Actor: "configuration", Cause: "config"}
	for _, want := range desks {
		name := want.Name
		if name == "" {
			name = want.User
		}
		next := presence.Device{Domain: dom.ID, Kind: presence.KindDesk}
		cred := presence.Credential{Domain: dom.ID, Username: want.User}
		for _, alg := range [...]string{"MD5", "SHA-256"} {
			h, err := digest.HA1(alg, want.User, dom.Realm, want.Password)
			if err != nil {
				return fmt.Errorf("desk %s: %w", want.User, err)
			}
			cred.HA1.Set(alg, h)
		}
		old, known := d.Credential(dom.ID, want.User)
		if known {
			if dev, ok := d.Device(old.Device); ok {
				next = *dev
			}
		} else {
			next.ID = presence.DeviceID{ID: presence.NewID()}
		}
		if known && next.Name == name && next.Shared && old.HA1 == cred.HA1 {
			continue
		}
		next.Name, next.Shared, cred.Device = name, true, next.ID
		e.Devices, e.Credentials = append(e.Devices, next), append(e.Credentials, cred)
	}
	return d.Apply(ctx, e)
}
