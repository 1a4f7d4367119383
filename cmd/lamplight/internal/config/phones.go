package config

import (
	"fmt"
	"strings"

	"lamplight/sip/quirks"
)

// PhoneTable is the phones of the file and then the shipped ones. The
// configuration has been validated.
func (c *Config) PhoneTable() quirks.Table {
	t := make(quirks.Table, 0, len(c.Phones))
	for _, p := range c.Phones {
		if q, err := p.known(); err == nil {
			t = append(t, q)
		}
	}
	return append(t, quirks.Shipped()...)
}

// known is the phone as package quirks has it.
func (p Phone) known() (quirks.Phone, error) {
	set, err := quirks.Parse(p.Quirks...)
	if err != nil {
		return quirks.Phone{}, err
	}
	q := quirks.Phone{Match: p.Match, Quirks: set, LargestBody: p.LargestBody}
	return q, q.Validate()
}

func (c *Config) checkPhones(k *check) {
	for i, p := range c.Phones {
		if _, err := p.known(); err != nil {
			k.fail(fmt.Sprintf("phones[%d]", i), "%s", err)
		}
	}
	if err := c.PhoneTable().Validate(); err != nil {
		k.fail("phones", "%s", strings.TrimPrefix(err.Error(), "quirks: "))
	}
}
