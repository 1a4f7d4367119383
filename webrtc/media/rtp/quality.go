package rtp

import "time"

// Score estimates how good speech sounds, from 1 to 4.5 (mean opinion score), by
// the E-model (ITU-T G.107 §7, reduced to what is known here): delay there, from
// mouth to ear, and the share of packets that were lost.
func Score(name string, delay time.Duration, lost float64) float64 {
	// Impairment and robustness of the codec (G.113 appendix I; Opus as measured
	// by others for calls).
	ie, bpl := 0.0, 25.1
	switch name {
	case "G722":
		ie, bpl = 0, 13
	case "opus":
		ie, bpl = 0, 20
	}
	ms := float64(delay) / float64(time.Millisecond)
	id := 0.024 * ms
	if ms > 177.3 {
		id += 0.11 * (ms - 177.3)
	}
	percent := lost * 100
	r := 93.2 - id - (ie + (95-ie)*percent/(percent+bpl))
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
