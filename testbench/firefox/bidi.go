package firefox

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

// bidi is a connection by which Firefox is told what to do: WebDriver BiDi, JSON over
// one WebSocket. An answer names its question; what is neither is an event, of which
// only the console's are asked for.
type bidi struct {
	ws   *websocket.Conn
	done chan struct{} // closed when the reader has ended

	mu    sync.Mutex
	asked uint64                   // guarded by mu
	wait  map[uint64]chan<- answer // by question; guarded by mu; nil when the reader has ended
	said  []string                 // the console's last lines; guarded by mu
}

// answer is what comes back for a question, or of itself.
type answer struct {
	Type    string          `json:"type"`
	ID      uint64          `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Method  string          `json:"method"`
	Params  struct {
		Level string `json:"level"`
		Text  string `json:"text"`
	} `json:"params"`
}

const (
	largest = 32 << 20 // bytes of a message: a picture of the page
	lines   = 50       // of the console that are kept
)

func dial(ctx context.Context, url string) (*bidi, error) {
	//nolint:bodyclose // the dialer closes it
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to Firefox: %w", err)
	}
	ws.SetReadLimit(largest)
	b := &bidi{ws: ws, done: make(chan struct{}), wait: map[uint64]chan<- answer{}}
	go b.listen()
	return b, nil
}

func (b *bidi) close() {
	_ = b.ws.CloseNow()
	<-b.done
}

func (b *bidi) listen() {
	defer close(b.done)
	for {
		_, data, err := b.ws.Read(context.Background())
		var a answer
		if err == nil {
			err = json.Unmarshal(data, &a)
		}
		b.mu.Lock()
		switch {
		case err != nil:
			for _, w := range b.wait {
				close(w)
			}
			b.wait = nil
		case a.Type == "event":
			b.said = append(b.said[max(0, len(b.said)-lines+1):], a.Params.Level+": "+a.Params.Text)
		case b.wait[a.ID] != nil:
			b.wait[a.ID] <- a
			delete(b.wait, a.ID)
		}
		b.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// call asks for something and reads the result into out unless that is nil.
func (b *bidi) call(ctx context.Context, method string, params, out any) error {
	if params == nil {
		params = struct{}{}
	}
	came := make(chan answer, 1)
	b.mu.Lock()
	b.asked++
	id := b.asked
	if b.wait != nil {
		b.wait[id] = came
	} else {
		close(came)
	}
	b.mu.Unlock()
	question, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := b.ws.Write(ctx, websocket.MessageText, question); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a, ok := <-came:
		switch {
		case !ok:
			return fmt.Errorf("%s: Firefox is gone", method)
		case a.Type == "error":
			return fmt.Errorf("%s: %s: %s", method, a.Error, a.Message)
		case out == nil:
			return nil
		}
		return json.Unmarshal(a.Result, out)
	case <-ctx.Done():
		b.mu.Lock()
		delete(b.wait, id)
		b.mu.Unlock()
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// console is what the pages wrote there last.
func (b *bidi) console() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.said...)
}
