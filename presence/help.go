package presence

import "lamplight/presence/emergency"

// EmergencyNumber is the number to call where what was dialled, a number, a telephone
// URI or a service's name, calls for help (rule 16).
func (p *Policy) EmergencyNumber(dialled string) (number string, ok bool) {
	return emergency.Find(p.Country, p.Emergency, dialled)
}
