package firefox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"lamplight/testbench/lab"
)

// Page is one tab.
type Page struct {
	*Firefox
	id string
}

// Tab opens the server's page in a tab of its own, in front of the others.
func (f *Firefox) Tab() *Page {
	f.t.Helper()
	p := f.Empty()
	f.do("browsingContext.navigate", map[string]any{"context": p.id, "url": f.base + "/", "wait": "complete"}, nil)
	return p
}

// Empty opens an empty tab in front of the others.
func (f *Firefox) Empty() *Page {
	f.t.Helper()
	var tab struct{ Context string }
	f.do("browsingContext.create", map[string]any{"type": "tab"}, &tab)
	return &Page{Firefox: f, id: tab.Context}
}

// Login opens a tab and logs an agent of the demo in.
func (f *Firefox) Login(number string) *Page {
	f.t.Helper()
	p := f.Tab()
	p.Type(`input[name=number]`, number)
	p.Type(`input[name=password]`, "demo-"+number+enter)
	p.There(`[data-testid=own-status]`, true)
	return p
}

// enter is the key, as WebDriver writes it.
const enter = "\uE007"

// Eval is the text a script comes to, waited for if it is a promise.
func (p *Page) Eval(script string) string {
	p.t.Helper()
	s, err := p.try(script)
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return s
}

func (p *Page) try(script string) (string, error) {
	p.t.Helper()
	var got struct {
		Type   string
		Result struct {
			Type  string
			Value json.RawMessage
		}
		ExceptionDetails struct{ Text string }
	}
	p.do("script.evaluate", map[string]any{
		"expression": script, "target": map[string]any{"context": p.id}, "awaitPromise": true, "resultOwnership": "none",
	}, &got)
	if got.Type == "exception" {
		return "", errors.New(got.ExceptionDetails.Text)
	}
	var s string
	if err := json.Unmarshal(got.Result.Value, &s); err != nil {
		return "", fmt.Errorf("a %s is no text: %s", got.Result.Type, got.Result.Value)
	}
	return s, nil
}

// There waits until the page has an element of that selector, or none any more.
func (p *Page) There(selector string, want bool) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if got := p.Eval(`String(document.querySelector('`+selector+`') !== null)`) == "true"; got != want {
			return fmt.Errorf("the page has %s: %t", selector, got)
		}
		return nil
	})
}

// Shows is There for an element's test id.
func (p *Page) Shows(id string, want bool) {
	p.t.Helper()
	p.There(`[data-testid="`+id+`"]`, want)
}

// Says waits until the element of a test id says this, among other things.
func (p *Page) Says(id, want string) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if got := p.Text(id); !strings.Contains(got, want) {
			return fmt.Errorf("%s says %q, want %q", id, got, want)
		}
		return nil
	})
}

// Text is what the element of a test id says; none is empty.
func (p *Page) Text(id string) string {
	p.t.Helper()
	return p.Eval(`document.querySelector('[data-testid=` + id + `]')?.textContent ?? ''`)
}

// Has waits until the element of a test id has an attribute of this value.
func (p *Page) Has(id, attribute, want string) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if got := p.Eval(`document.querySelector('[data-testid=` + id + `]')?.getAttribute('` + attribute + `') ?? ''`); got != want {
			return fmt.Errorf("%s of %s is %q, want %q", attribute, id, got, want)
		}
		return nil
	})
}

// Status waits until the page shows the agent this status of its own.
func (p *Page) Status(want string) {
	p.t.Helper()
	p.Has("own-status", "data-status", want)
}

// Type presses keys where the selector is: letters, and WebDriver's own for the others.
func (p *Page) Type(selector, keys string) {
	p.t.Helper()
	p.There(selector, true)
	p.Eval(`document.querySelector('` + selector + `').focus(); 'ok'`)
	var acts []map[string]any
	for _, k := range keys {
		acts = append(acts, map[string]any{"type": "keyDown", "value": string(k)}, map[string]any{"type": "keyUp", "value": string(k)})
	}
	p.do("input.performActions", map[string]any{
		"context": p.id, "actions": []map[string]any{{"type": "key", "id": "keys", "actions": acts}},
	}, nil)
}

// Press presses what has a test id, by the keyboard.
func (p *Page) Press(id string) {
	p.t.Helper()
	p.Type(`[data-testid="`+id+`"]`, enter)
}

// Dial types a number and calls it.
func (p *Page) Dial(number string) {
	p.t.Helper()
	p.Type(`[data-testid=dial-number]`, number+enter)
}

// Close closes the tab as a person does, with its unload events.
func (p *Page) Close() {
	p.t.Helper()
	p.do("browsingContext.close", map[string]any{"context": p.id, "promptUnload": false}, nil)
}

// Reload loads the page anew.
func (p *Page) Reload() {
	p.t.Helper()
	p.do("browsingContext.reload", map[string]any{"context": p.id, "wait": "complete"}, nil)
	p.There(`[data-testid=own-status]`, true)
}

// Picture is what the page looks like, as PNG.
func (p *Page) Picture() []byte {
	p.t.Helper()
	var got struct{ Data string }
	p.do("browsingContext.captureScreenshot", map[string]any{"context": p.id}, &got)
	png, err := base64.StdEncoding.DecodeString(got.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return png
}
