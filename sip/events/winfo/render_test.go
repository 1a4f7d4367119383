package winfo

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/sip/events/notifier"
)

func TestDocument(t *testing.T) {
	all := []notifier.Watching{
		{ID: "1", URI: "sip:a@ex.test", Display: `A "x" <b>`, Pending: true, Event: "subscribe", Expires: time.Hour},
		{ID: "2", URI: "sip:b@ex.test", Event: "approved", Since: 90 * time.Second, Expires: time.Minute},
		{ID: "3", URI: "sip:c@ex.test", Event: "rejected", Ended: true},
	}
	doc, at := Append([]byte("before"), "sip:101@ex.test", "presence", all, 0)
	doc = doc[len("before"):]
	got := string(doc[:at]) + "7" + string(doc[at:])
	want := `<?xml version="1.0"?>
<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="7" state="full">
<watcher-list resource="sip:101@ex.test" package="presence">
<watcher id="1" status="pending" event="subscribe" display-name="A &quot;x&quot; &lt;b&gt;" expiration="3600">sip:a@ex.test</watcher>
<watcher id="2" status="active" event="approved" expiration="60" duration-subscribed="90">sip:b@ex.test</watcher>
<watcher id="3" status="terminated" event="rejected">sip:c@ex.test</watcher>
</watcher-list>
</watcherinfo>
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDocumentFitsItsLimit(t *testing.T) {
	all := make([]notifier.Watching, 100)
	for i := range all {
		all[i] = notifier.Watching{ID: fmt.Sprint(i), URI: "sip:<&>@ex.test", Event: "subscribe", Pending: true}
	}
	doc, _ := Append(nil, "sip:101@ex.test", "presence", all, 850)
	if n := strings.Count(string(doc), "<watcher "); len(doc) > 850 || n < 5 || n > 8 {
		t.Errorf("%d watchers in %d bytes", n, len(doc))
	}
	if err := xml.Unmarshal(doc, new(struct{})); err != nil {
		t.Error(err)
	}
}
