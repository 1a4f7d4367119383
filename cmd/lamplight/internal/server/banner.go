package server

import (
	"fmt"
	"io"

	"lamplight/cmd/lamplight/internal/config"
)

// Banner tells a person who just started the demo where to look.
func Banner(w io.Writer, c *config.Config) {
	d := c.Domains[0]
	page := first(c.HTTP.Listen)
	sip := first(c.SIP.UDP)
	_, _ = fmt.Fprintf(w, `
  Lamplight is running its demo (%[1]s, %[2]d agents), on this machine only.

  page      http://%[3]s      log in as 1001, password demo-1001
  TLS page  https://%[4]s     self-made certificate
  API       http://%[3]s/api/v1/agents/1001     token demo-admin or demo-supervisor
  API text  http://%[3]s/api/v1/openapi.json
  SIP       udp and tcp %[5]s, tls %[6]s
            phones 1001 … 1012, soft 1001-soft, mobile 1001-mobile, passwords demo-1001 …

  Try next, in another terminal:
    export LAMPLIGHT_TOKEN=demo-admin
    bin/lamplight status show            everybody's status
    bin/lamplight route 1001             where a call to 1001 would go, and why
    bin/lamplight status set 1001 Lunch
    go run ./testbench/try phone 1001    a desk phone for 1001, until Ctrl-C
    go run ./testbench/try watch 1001    prints 1001's lamp
    go run ./testbench/try talk 1001     a PBX says that 1001 is talking
    go run ./testbench/try call 1001     a PBX asks where 1001 is

`, d.Name, len(d.Agents), page, first(c.HTTP.TLS), sip, first(c.SIP.TLS))
}

func first(addrs []string) string {
	if len(addrs) == 0 {
		return "(off)"
	}
	return addrs[0]
}
