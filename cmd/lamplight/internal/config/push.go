package config

import (
	"fmt"
	"strings"
	"time"

	"lamplight/sip/push"
)

// Push wakes mobile apps (RFC 8599). Without providers there is no push, and what
// apps say of it is not answered.
type Push struct {
	// Wait is how long a call waits for a mobile that it wakes; 8s.
	Wait time.Duration `yaml:"wait"`
	// OldNames also reads app-id, pn-tok and pn-type, which apps used before RFC 8599.
	OldNames  bool           `yaml:"old_names"`
	Providers []PushProvider `yaml:"providers"`
}

// PushProvider is one push service and how it is reached, by HTTPS.
type PushProvider struct {
	Name string `yaml:"name"` // the app's pn-provider: apns, fcm, webpush or another
	// Form of what is sent: apns and fcm (default for these names) as their services
	// want it, json (default for others) for a gateway of one's own:
	//
	//	{"provider": "webpush", "prid": "…", "param": "…", "event": "call" or "register",
	//	 "account": "1001@example.com", "call": "…", "priority": "high",
	//	 "collapse_id": "call", "expires": "2026-11-25T12:00:08Z", "ttl": 8}
	//
	// It answers 2xx; 404 or 410 if the token is no longer valid, which ends it; 429 or
	// 5xx to be tried again.
	Form string `yaml:"form"`
	// URL to POST to; {prid} and {param} in its path stand for the device's pn-prid and
	// pn-param. Default for apns and fcm: Apple's and Google's own.
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers"`
	// Token is sent as bearer; better TokenFile, which is read again when it
	// changes, or LAMPLIGHT_PUSH_PROVIDERS_0_TOKEN.
	Token     string        `yaml:"token"`
	TokenFile string        `yaml:"token_file"`
	Timeout   time.Duration `yaml:"timeout"` // of one try; 5s
	Tries     int           `yaml:"tries"`   // 3
	Queue     int           `yaml:"queue"`   // pushes that may wait; 1000
	Workers   int           `yaml:"workers"` // pushes sent at once; 8
}

// Services are the push services in the form the SIP side asks.
func (p *Push) Services() push.Services {
	s := push.Services{OldNames: p.OldNames}
	for i := range p.Providers {
		s.Providers = append(s.Providers, p.Providers[i].provider())
	}
	return s
}

func (p *PushProvider) provider() push.Provider {
	return push.Provider{
		Name: p.Name, Form: push.Form(p.Form), URL: p.URL, Headers: p.Headers, Token: p.Token, TokenFile: p.TokenFile,
		Timeout: p.Timeout, Tries: p.Tries, Queue: p.Queue, Workers: p.Workers,
	}
}

func (p *Push) check(k *check) {
	k.within("push.wait", p.Wait, time.Second, time.Minute)
	seen := map[string]bool{}
	for i := range p.Providers {
		at := fmt.Sprintf("push.providers[%d]", i)
		one := &p.Providers[i]
		if err := one.provider().Validate(); err != nil {
			key, _, _ := strings.Cut(err.Error(), " ")
			if key == "name" || key == "form" || key == "url" {
				at += "." + key
			}
			k.fail(at, "%s", err)
			continue
		}
		name := strings.ToLower(one.Name)
		if seen[name] {
			k.fail(at+".name", "%q is used twice", name)
		}
		seen[name] = true
		k.within(at+".timeout", one.Timeout, 100*time.Millisecond, time.Minute)
	}
}
