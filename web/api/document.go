// Package api is the HTTP API of Lamplight: agents with both views, their
// status, settings, devices and history, the routing question, and the
// administrator's work.
//
// The contract is the OpenAPI 3.1 document beside this file. It is not only
// served: the operations, the role each one needs, its query parameters and the
// schemas of its bodies are read from it, so a handler cannot accept what the
// document does not allow. A test holds every answer to the document too.
//
// # Guarantees
//
//   - A 2xx to a command is sent after what it changed is durable.
//   - A command that changes nothing visible says why.
//   - Every error has the one shape of RFC 9457.
package api

import (
	"bytes"
	_ "embed" // the document
	"encoding/json"
	"fmt"
	"strings"

	"lamplight/presence"
	"lamplight/web/schema"
)

// Document is the OpenAPI 3.1 document of the API, in JSON.
//
//go:embed openapi.json
var Document []byte

// operation is what the document says of one method of one path.
type operation struct {
	ID     string
	Method string
	Path   string // as in the document, below Base
	// Role is the least role needed; empty: nobody need be known.
	Role  presence.Role
	Query map[string]*schema.Schema
	// Body is the schema of the request body; nil: none, or one of another type
	// than JSON.
	Body         *schema.Schema
	BodyType     string // its media type; empty: no body
	BodyRequired bool
}

// contract is the document as the handlers use it.
type contract struct {
	operations []*operation
	schemas    schema.Set
}

type documentJSON struct {
	Paths      map[string]map[string]operationJSON `json:"paths"`
	Components struct {
		Parameters map[string]parameterJSON `json:"parameters"`
		Schemas    schema.Set               `json:"schemas"`
	} `json:"components"`
}

type operationJSON struct {
	ID         string          `json:"operationId"`
	Role       string          `json:"x-role"`
	Parameters []parameterJSON `json:"parameters"`
	Body       *struct {
		Required bool `json:"required"`
		Content  map[string]struct {
			Schema *schema.Schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

type parameterJSON struct {
	Ref    string         `json:"$ref"`
	Name   string         `json:"name"`
	In     string         `json:"in"`
	Schema *schema.Schema `json:"schema"`
}

const (
	mediaJSON    = "application/json"
	mediaProblem = "application/problem+json"
	mediaCSV     = "text/csv"
)

func readContract(doc []byte) (*contract, error) {
	var d documentJSON
	if err := json.NewDecoder(bytes.NewReader(doc)).Decode(&d); err != nil {
		return nil, fmt.Errorf("api: document: %w", err)
	}
	c := &contract{schemas: d.Components.Schemas}
	for name, s := range c.schemas {
		if err := c.schemas.Verify(s); err != nil {
			return nil, fmt.Errorf("api: document: schema %s: %w", name, err)
		}
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			op, err := o.read(strings.ToUpper(method), path, &d)
			if err != nil {
				return nil, fmt.Errorf("api: document: %s %s: %w", method, path, err)
			}
			c.operations = append(c.operations, op)
		}
	}
	return c, nil
}

func (o *operationJSON) read(method, path string, d *documentJSON) (*operation, error) {
	op := &operation{ID: o.ID, Method: method, Path: path, Query: make(map[string]*schema.Schema)}
	switch r := presence.Role(o.Role); r {
	case presence.RoleAgent, presence.RoleSupervisor, presence.RoleAdmin:
		op.Role = r
	case "none":
	default:
		return nil, fmt.Errorf("role %q", o.Role)
	}
	for _, p := range o.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = d.Components.Parameters[name]
		}
		if p.Name == "" || p.Schema == nil {
			return nil, fmt.Errorf("parameter %q %q", p.Ref, p.Name)
		}
		if err := d.Components.Schemas.Verify(p.Schema); err != nil {
			return nil, err
		}
		if p.In == "query" {
			op.Query[p.Name] = p.Schema
		}
	}
	if o.Body == nil {
		return op, nil
	}
	op.BodyRequired = o.Body.Required
	for media, content := range o.Body.Content {
		op.BodyType = media
		if media == mediaJSON {
			op.Body = content.Schema
		}
	}
	return op, d.Components.Schemas.Verify(op.Body)
}
