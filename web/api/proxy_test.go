package api

import (
	"net/http"
	"strings"
	"testing"
)

// A proxy on this machine that nobody was told of makes every browser look
// local: a password must not go over plain HTTP for that.
func TestLoginByAProxyNobodyWasToldOf(t *testing.T) {
	h := newHouse(t)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+Base+"/login", strings.NewReader(rightLogin))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", "198.51.100.1")
	h.send(nobody, req).problem(403, "behind_proxy")
}
