// Package client speaks to a running server's API for the command line.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls one server's API.
type Client struct {
	Server string // http://127.0.0.1:8080
	Token  string
	Domain string // empty: the token's, or the only one
	HTTP   *http.Client
}

// Error is what the server answered instead of a result.
type Error struct {
	Status int          `json:"status"`
	Title  string       `json:"title"`
	Detail string       `json:"detail"`
	Errors []FieldError `json:"errors"`
}

// FieldError is one mistake in what was sent.
type FieldError struct {
	Field   string `json:"field"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	for _, f := range e.Errors {
		text += "\n  " + f.String()
	}
	return text
}

func (f FieldError) String() string {
	switch {
	case f.Line > 0:
		return fmt.Sprintf("line %d: %s", f.Line, f.Message)
	case f.Field != "":
		return f.Field + ": " + f.Message
	}
	return f.Message
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Call sends body (JSON unless it is an io.Reader, which is sent as CSV) and
// reads the answer into out, both of which may be nil.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	if c.Domain != "" {
		if query == nil {
			query = url.Values{}
		}
		query.Set("domain", c.Domain)
	}
	u := strings.TrimSuffix(c.Server, "/") + "/api/v1" + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	var send io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case io.Reader:
		send, kind = b, "text/csv"
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		send = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(ctx, method, u, send)
	if err != nil {
		return fmt.Errorf("call %s: %w", c.Server, err)
	}
	if send != nil {
		req.Header.Set("Content-Type", kind)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := c.client().Do(req)
	if err != nil {
		var uerr *url.Error
		if errors.As(err, &uerr) {
			err = uerr.Err
		}
		return fmt.Errorf("no answer from %s (is the server running?): %w", c.Server, err)
	}
	defer func() { _ = res.Body.Close() }()
	return read(res, out)
}

func (c *Client) client() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return &http.Client{Timeout: 5 * time.Minute}
}

func read(res *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= 300 {
		e := &Error{Status: res.StatusCode, Title: res.Status}
		_ = json.Unmarshal(b, e) // an answer that is not a problem document leaves the status line
		return e
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("understand answer: %w", err)
	}
	return nil
}
