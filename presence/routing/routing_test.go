package routing

import (
	"testing"

	"lamplight/presence"
)

func TestDecideUnknownAgent(t *testing.T) {
	if d := Decide(nil, presence.Policy{}, Call{}); d.Allow || d.Code != 404 || d.Text == "" {
		t.Fatalf("%+v", d)
	}
}
