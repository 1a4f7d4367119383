package presence

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// FeatureCodes are what an agent's phones may dial to change something.
type FeatureCodes struct {
	// Refuse: a code is answered with a refusal that says what was done, instead
	// of a call without media that is ended at once. Phones show one or the other
	// better.
	Refuse bool          `json:"refuse,omitempty"`
	List   []FeatureCode `json:"list,omitempty"`
}

// FeatureCode is one of them.
type FeatureCode struct {
	Code string      `json:"code"`
	Does FeatureWord `json:"does"`
	// Status is what FeatureSelect selects.
	Status Selectable `json:"status,omitempty"`
}

// FeatureWord is what a code does.
type FeatureWord string

// The words. FeatureForward is followed by the number, FeatureDeskLogin by the
// agent's number and, where the domain asks for it, a star and the PIN,
// FeaturePickup by the number of the agent who is being rung.
const (
	FeatureSelect       FeatureWord = "select"
	FeatureDNDOn        FeatureWord = "dnd_on"
	FeatureDNDOff       FeatureWord = "dnd_off"
	FeatureDNDToggle    FeatureWord = "dnd_toggle"
	FeatureWrapUpFinish FeatureWord = "wrap_up_finish"
	FeatureAllOff       FeatureWord = "all_off"
	FeatureRestore      FeatureWord = "restore"
	FeatureForward      FeatureWord = "forward"
	FeatureForwardOff   FeatureWord = "forward_off"
	FeatureDeskLogin    FeatureWord = "desk_login"
	FeatureDeskLogout   FeatureWord = "desk_logout"
	FeaturePickup       FeatureWord = "pickup"
	FeatureGroupPickup  FeatureWord = "group_pickup"
)

// followed reports whether something is dialled after the code.
func (w FeatureWord) followed() bool {
	return w == FeatureForward || w == FeatureDeskLogin || w == FeaturePickup
}

// ErrCode says what is wrong with a list of feature codes.
var ErrCode = errors.New("feature code")

const maxCodes = 200

// Find is the code that was dialled, and what followed it.
func (f *FeatureCodes) Find(dialled string) (c FeatureCode, rest string, ok bool) {
	for i := range f.List {
		c := f.List[i]
		if dialled == c.Code && !c.Does.followed() {
			return c, "", true
		}
		if rest, is := strings.CutPrefix(dialled, c.Code); is && c.Does.followed() && rest != "" {
			return c, rest, true
		}
	}
	return FeatureCode{}, "", false
}

// Looks reports whether what was dialled has the form of a feature code.
func (f *FeatureCodes) Looks(dialled string) bool {
	return len(dialled) > 1 && (dialled[0] == '*' || dialled[0] == '#')
}

// Check finds a code that cannot be dialled, is there twice, or is hidden by
// another; the errors are ErrCode.
func (f *FeatureCodes) Check() error {
	if len(f.List) > maxCodes {
		return fmt.Errorf("%w: more than %d", ErrCode, maxCodes)
	}
	for i, c := range f.List {
		switch {
		case !f.Looks(c.Code) || len(c.Code) > 16 || strings.Trim(c.Code, "0123456789*#") != "":
			return fmt.Errorf("%w %q: star or hash, then up to 15 digits, stars and hashes", ErrCode, c.Code)
		case c.Does == FeatureSelect && c.Status == "":
			return fmt.Errorf("%w %s: selects no status", ErrCode, c.Code)
		case !slices.Contains(words, c.Does):
			return fmt.Errorf("%w %s: %q is nothing a code can do", ErrCode, c.Code, c.Does)
		}
		for _, other := range f.List[:i] {
			if other.Code == c.Code {
				return fmt.Errorf("%w %s is used twice", ErrCode, c.Code)
			}
			if hides(&other, &c) || hides(&c, &other) {
				return fmt.Errorf("%w %s: one that is followed by a number hides the other: %s", ErrCode, c.Code, other.Code)
			}
		}
	}
	return nil
}

// hides: what b stands for could be a with something after it.
func hides(a, b *FeatureCode) bool { return a.Does.followed() && strings.HasPrefix(b.Code, a.Code) }

//nolint:gochecknoglobals // never changed
var words = []FeatureWord{FeatureSelect, FeatureDNDOn, FeatureDNDOff, FeatureDNDToggle, FeatureWrapUpFinish, FeatureAllOff,
	FeatureRestore, FeatureForward, FeatureForwardOff, FeatureDeskLogin, FeatureDeskLogout, FeaturePickup, FeatureGroupPickup}
