// Package api is the HTTP API of Lamplight: agents with both views, their
// status, settings, devices and history, the routing question, and the
// administrator's work.
//
// The contract is the OpenAPI 3.1 document beside this file, served as it is;
// a test walks every operation and schema of it against the handlers, so that
// neither can drift from the other.
//
// # Guarantees
//
//   - A 2xx to a command is sent after what it changed is durable.
//   - A command that changes nothing visible says why.
//   - Every error has the one shape of RFC 9457.
package api

import _ "embed"

// Document is the OpenAPI 3.1 document of the API, in JSON.
//
//go:embed openapi.json
var Document []byte
