package web

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Check is one condition of being ready.
type Check struct {
	Name string
	// Run is nil when all is well, else says what is not. It is given a second.
	Run func(context.Context) error
}

// checkLimit is how long a check may take.
const checkLimit = time.Second

func livez(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("alive\n"))
}

type checkJSON struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// readyz runs the checks side by side and tells the result of each.
func readyz(checks []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkLimit)
		defer cancel()
		out := make([]checkJSON, len(checks))
		var wg sync.WaitGroup
		for i, c := range checks {
			wg.Go(func() {
				out[i] = checkJSON{Name: c.Name, OK: true}
				if err := c.Run(ctx); err != nil {
					out[i].OK, out[i].Error = false, err.Error()
				}
			})
		}
		wg.Wait()
		code, word := http.StatusOK, "ready"
		for _, c := range out {
			if !c.OK {
				code, word = http.StatusServiceUnavailable, "not ready"
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(struct {
			Status string      `json:"status"`
			Checks []checkJSON `json:"checks"`
		}{word, out})
	})
}
