//go:build testbench

package media

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"lamplight/testbench/coturn"
	"lamplight/testbench/lab"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/turn"
)

const shared = "a secret of some length"

// relayed opens the page so that it uses nothing but the relay of that URL.
func relayed(browser context.Context, t *testing.T, page, url string, ttl time.Duration) *page {
	t.Helper()
	user, pass := turn.Credentials(shared, "1001@demo.lamplight.test", time.Now(), ttl)
	ice, err := json.Marshal(map[string]any{"urls": []string{url}, "username": user, "credential": pass})
	ok(t, err)
	return tabOf(browser, t, page, "0, "+string(ice))
}

// TestChromiumByCoturn: a page that may use nothing but an outside server, by UDP, by
// TCP and by TLS.
func TestChromiumByCoturn(t *testing.T) {
	browser, url := chromium(t, micTone)
	g := gateway(t)
	server := coturn.Start(t, coturn.Options{Secret: shared, Secure: true})
	for name, u := range map[string]string{
		"UDP": "turn:" + server.Plain + "?transport=udp", "TCP": "turn:" + server.Plain + "?transport=tcp",
		"TLS": "turns:" + server.TLS + "?transport=tcp",
	} {
		t.Run(name, func(t *testing.T) {
			p := relayed(browser, t, url, u, time.Hour)
			phone, err := mediatest.NewPhone(mediatest.PhoneOptions{Hz: phoneTone})
			ok(t, err)
			t.Cleanup(phone.Close)
			b := bridge(t, g)
			before := server.Says("ALLOCATE processed, success")
			began := time.Now()
			browserOffers(t, b, p, "", func() { phoneAnswers(t, b, phone) })
			bothHear(t, p, phone)
			t.Logf("recognised both ways after %s", time.Since(began))
			if server.Says("ALLOCATE processed, success") == before {
				t.Error("without a relay")
			}
		})
	}
}

// TestCoturnRefusesWhatHasRunOut: the page gets no relay, and so no candidate at all.
func TestCoturnRefusesWhatHasRunOut(t *testing.T) {
	browser, url := chromium(t, micTone)
	server := coturn.Start(t, coturn.Options{Secret: shared})
	p := relayed(browser, t, url, "turn:"+server.Plain+"?transport=udp", -time.Second)
	p.eval("offer", "")
	if got := p.eval("relays", ""); got != "0" {
		t.Errorf("%s relays", got)
	}
	if server.Says("error 401") < 2 { // the first is the challenge
		t.Error("coturn has not refused")
	}
	fresh := relayed(browser, t, url, "turn:"+server.Plain+"?transport=udp", time.Hour)
	fresh.eval("offer", "")
	if got := fresh.eval("relays", ""); got == "0" {
		t.Error("no relay with a credential that is good")
	}
}

// TestACallOutlivesItsCredential: what has been let in stays until it ends.
func TestACallOutlivesItsCredential(t *testing.T) {
	browser, url := chromium(t, micTone)
	g := gateway(t)
	server := coturn.Start(t, coturn.Options{Secret: shared, Lifetime: 20 * time.Second})
	p := relayed(browser, t, url, "turn:"+server.Plain+"?transport=udp", 5*time.Second)
	phone, err := mediatest.NewPhone(mediatest.PhoneOptions{Hz: phoneTone})
	ok(t, err)
	t.Cleanup(phone.Close)
	b := bridge(t, g)
	browserOffers(t, b, p, "", func() { phoneAnswers(t, b, phone) })
	bothHear(t, p, phone)
	refreshes := server.Says("REFRESH processed, success")
	lab.Eventually(t, time.Minute, func() error {
		if n := server.Says("REFRESH processed, success") - refreshes; n < 2 {
			return fmt.Errorf("%d refreshes", n)
		}
		return nil
	})
	bothHear(t, p, phone)
}
