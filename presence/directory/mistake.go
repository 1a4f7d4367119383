package directory

import (
	"fmt"
	"strings"
)

// Mistake is one thing wrong with an edit.
type Mistake struct {
	// Kind is "domain", "agent", "device", "credential", "assignment", "group"
	// or "deletion"; Index counts within the edit's slice of that kind, -1 for what
	// only follows from the edit.
	Kind  string
	Index int
	// Name is what people call the entity.
	Name string
	// Err is ErrInvalid, ErrTaken or ErrNotFound with the reason.
	Err error
}

func (m *Mistake) Error() string {
	return fmt.Sprintf("%s %q: %v", m.Kind, m.Name, strings.TrimPrefix(m.Err.Error(), "directory: "))
}

func (m *Mistake) Unwrap() error { return m.Err }

// Mistakes are all things wrong with an edit, up to a hundred.
type Mistakes struct {
	List []*Mistake
	More int // mistakes that are not in List
}

const maxMistakes = 100

func (m *Mistakes) add(kind string, index int, name string, err error) {
	if len(m.List) == maxMistakes {
		m.More++
		return
	}
	m.List = append(m.List, &Mistake{kind, index, name, err})
}

func (m *Mistakes) orNil() error {
	if len(m.List) == 0 {
		return nil
	}
	return m
}

func (m *Mistakes) Error() string {
	var b strings.Builder
	b.WriteString("directory: ")
	for i, one := range m.List {
		if i > 0 {
			b.WriteString("; ")
		}
		if i == 5 {
			break
		}
		b.WriteString(one.Error())
	}
	if left := len(m.List) + m.More - 5; left > 0 {
		fmt.Fprintf(&b, "and %d more", left)
	}
	return b.String()
}

// Unwrap lets errors.Is and errors.As look at every mistake.
func (m *Mistakes) Unwrap() []error {
	out := make([]error, len(m.List))
	for i, one := range m.List {
		out[i] = one
	}
	return out
}
