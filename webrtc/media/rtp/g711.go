package rtp

// Laws turn one law of G.711 into the other, sample by sample.
type Laws struct{ MuToA, AToMu [256]byte }

// NewLaws makes the tables: each code goes by way of its linear value to the
// code that is nearest to it (ITU-T G.711, tables 1 and 2).
func NewLaws() *Laws {
	l := &Laws{}
	for i := range 256 {
		l.MuToA[i] = EncodeA(DecodeMu(byte(i)))
		l.AToMu[i] = EncodeMu(DecodeA(byte(i)))
	}
	return l
}

// Turn replaces each code of b by that of the other law.
func Turn(table *[256]byte, b []byte) {
	for i, c := range b {
		b[i] = table[c]
	}
}

// DecodeMu is the linear value, 16 bits, of a code of µ-law.
func DecodeMu(c byte) int {
	c = ^c
	v := (int(c&0x0f)<<3+0x84)<<(c>>4&7) - 0x84
	if c&0x80 != 0 {
		return -v
	}
	return v
}

// EncodeMu is the code of µ-law for a linear value of 16 bits.
func EncodeMu(v int) byte {
	sign := byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, 32635) + 0x84
	exp := byte(7)
	for mask := 0x4000; v&mask == 0 && exp > 0; mask >>= 1 {
		exp--
	}
	return ^(sign | exp<<4 | byte(v>>(exp+3))&0x0f)
}

// DecodeA is the linear value, 16 bits, of a code of A-law.
func DecodeA(c byte) int {
	c ^= 0x55
	v, exp := int(c&0x0f)<<4+8, c>>4&7
	if exp > 0 {
		v = (v + 0x100) << (exp - 1)
	}
	if c&0x80 != 0 {
		return v
	}
	return -v
}

// EncodeA is the code of A-law for a linear value of 16 bits.
func EncodeA(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		v, sign = -v-1, 0
	}
	v = min(v, 32767)
	exp, mantissa := byte(0), byte(v>>4)
	if v >= 0x100 {
		exp = 7
		for mask := 0x4000; v&mask == 0 && exp > 1; mask >>= 1 {
			exp--
		}
		mantissa = byte(v >> (exp + 3))
	}
	return (sign | exp<<4 | mantissa&0x0f) ^ 0x55
}

// Silent reports whether a payload of G.711 is digital silence. Each law has two
// spellings of it, plus and minus.
func Silent(mu bool, payload []byte) bool {
	plus, minus := byte(0xd5), byte(0x55)
	if mu {
		plus, minus = 0xff, 0x7f
	}
	for _, c := range payload {
		if c != plus && c != minus {
			return false
		}
	}
	return true
}
