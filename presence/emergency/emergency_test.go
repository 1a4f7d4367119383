package emergency

import (
	"regexp"
	"slices"
	"testing"
)

func TestFormsOfEmergencyNumbers(t *testing.T) {
	for _, c := range []struct {
		country string
		own     []string
		dialled string
		want    string
	}{
		{"DE", nil, "112", "112"},
		{"de", nil, "110", "110"},
		{"DE", nil, "1 1-0", "110"},
		{"DE", nil, "+112", "112"},
		{"DE", nil, "911", ""},
		{"DE", []string{"91 1"}, "911", "911"},
		{"DE", nil, "1120", ""},
		{"DE", nil, "0112", ""},
		{"DE", []string{"0112"}, "0112", "0112"},
		{"DE", nil, "+49112", ""},
		{"DE", nil, "tel:112", "112"},
		{"DE", nil, "TEL:112;phone-context=+49", "112"},
		{"DE", nil, "sip:112@demo.test;user=phone", "112"},
		{"DE", nil, "sips:112;phone-context=demo.test@demo.test", "112"},
		{"DE", nil, "urn:service:sos", "112"},
		{"GB", nil, "urn:service:sos.police", "999"},
		{"US", nil, "URN:Service:SOS.fire", "911"},
		{"", []string{"555-1"}, "urn:service:sos", "5551"},
		{"", nil, "urn:service:sos", "112"},
		{"DE", nil, "urn:service:sosx", ""},
		{"DE", nil, "urn:service:counseling", ""},
		{"DE", nil, "http:112", ""},
		{"", nil, "112", ""},
		{"XX", nil, "112", ""},
		{"DE", []string{""}, "", ""},
		{"DE", nil, "tel:", ""},
		{"AU", nil, "106", "106"},
		{"CA", nil, "911", "911"},
	} {
		if got, ok := Find(c.country, c.own, c.dialled); got != c.want || ok != (c.want != "") {
			t.Errorf("%s %v, %q: %q, %v; want %q", c.country, c.own, c.dialled, got, ok, c.want)
		}
	}
}

func TestTableIsSound(t *testing.T) {
	code, number := regexp.MustCompile(`^[A-Z]{2}$`), regexp.MustCompile(`^[0-9]{2,5}$`)
	all := Countries()
	if len(all) < 40 {
		t.Errorf("%d countries", len(all))
	}
	for _, c := range all {
		list, ok := Numbers(c)
		if !ok || !code.MatchString(c) || len(list) == 0 {
			t.Errorf("%s: %v", c, list)
		}
		for i, n := range list {
			if !number.MatchString(n) || slices.Contains(list[:i], n) {
				t.Errorf("%s: %q", c, n)
			}
		}
	}
	// Every member of the European Union answers 112.
	for _, c := range []string{"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"} {
		if list, _ := Numbers(c); !slices.Contains(list, "112") {
			t.Errorf("%s has no 112: %v", c, list)
		}
	}
}
