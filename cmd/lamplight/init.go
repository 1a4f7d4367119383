package main

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/web/login"
)

// first is what a first real configuration is made from.
type first struct {
	Address, Domain, Certificate, Key string
	Admin, AdminName, LoginHash       string
	TokenSHA256                       string
}

func initCommand() *cobra.Command {
	var f first
	var out, password string
	c := &cobra.Command{
		Use: "init", Short: "Write a first real configuration, asking for what no flag gives", Args: cobra.NoArgs,
		Example: "  lamplight init --address 192.0.2.10 --domain example.com --admin 1000\n" +
			"  lamplight init --address 192.0.2.10 --domain example.com --certificate fullchain.pem --key key.pem --admin 1000",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.complete(cmd, &password); err != nil {
				return err
			}
			token := "lp_" + rand.Text()
			if err := f.write(out, password, token); err != nil {
				return err
			}
			if _, err := config.Load(out, nil); err != nil {
				_ = os.Remove(out)
				return fmt.Errorf("these answers make no valid configuration: %w", err)
			}
			cmd.Printf("wrote %s\n\n  administrator  %s, password %s\n  API token      %s\n\n"+
				"Neither is written anywhere in clear: keep them. Next:\n\n  lamplight serve --config %s --data /var/lib/lamplight\n",
				out, f.Admin, password, token, out)
			return nil
		},
	}
	c.Flags().StringVar(&f.Address, "address", "", "address of this machine that phones and browsers reach")
	c.Flags().StringVar(&f.Domain, "domain", "", "SIP domain, as in 1001@example.com")
	c.Flags().StringVar(&f.Certificate, "certificate", "", "PEM file of the TLS certificate; without one a self-made is used")
	c.Flags().StringVar(&f.Key, "key", "", "PEM file of its key")
	c.Flags().StringVar(&f.Admin, "admin", "", "number of the administrator")
	c.Flags().StringVar(&f.AdminName, "admin-name", "Administrator", "name of the administrator")
	c.Flags().StringVar(&password, "admin-password", "", "password of the administrator; without it one is made")
	c.Flags().StringVar(&out, "out", "lamplight.yaml", "file to write")
	return c
}

// complete asks for what the flags did not give.
func (f *first) complete(cmd *cobra.Command, password *string) error {
	in := bufio.NewReader(cmd.InOrStdin())
	for _, q := range []struct {
		value         *string
		question, def string
	}{
		{&f.Address, "Address of this machine that phones and browsers reach", ownAddress()},
		{&f.Domain, "SIP domain", "example.com"},
		{&f.Admin, "Number of the administrator", "1000"},
	} {
		if *q.value != "" {
			continue
		}
		cmd.Printf("%s [%s]: ", q.question, q.def)
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			return fmt.Errorf("%s: no answer; give it by a flag (lamplight init --help)", strings.ToLower(q.question))
		}
		if *q.value = strings.TrimSpace(line); *q.value == "" {
			*q.value = q.def
		}
	}
	if net.ParseIP(f.Address) == nil {
		return fmt.Errorf("address %q: an IP address is needed", f.Address)
	}
	if (f.Certificate == "") != (f.Key == "") {
		return errors.New("--certificate and --key go together")
	}
	if *password == "" {
		*password = rand.Text()[:16]
	}
	return nil
}

// ownAddress is the first address that is not loopback, as a suggestion.
func ownAddress() string {
	addrs, _ := net.InterfaceAddrs() // no suggestion is better than an error here
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

func (f *first) write(out, password, token string) error {
	hash := login.HashPassword(password)
	sum := sha256.Sum256([]byte(token))
	f.LoginHash, f.TokenSHA256 = hash, hex.EncodeToString(sum[:])
	var text strings.Builder
	if err := template.Must(template.New("config").Parse(firstConfig)).Execute(&text, f); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	w, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write configuration (an existing file is never overwritten): %w", err)
	}
	if _, err := w.WriteString(text.String()); err != nil {
		_ = w.Close()
		return fmt.Errorf("write configuration: %w", err)
	}
	return w.Close()
}

const firstConfig = `# Lamplight. Check after editing: lamplight check FILE. Reload: SIGHUP.
node: node-1

sip:
  udp: ["{{.Address}}:5060"]
  tcp: ["{{.Address}}:5060"]
  tls: ["{{.Address}}:5061"]

http:
  listen: ["127.0.0.1:8080"] # for scripts on this machine and a proxy in front
  tls: ["{{.Address}}:8443"] # pages, API and webphone; browsers need TLS for the microphone
  origins: ["https://{{.Address}}:8443", "https://{{.Domain}}:8443"]

tls:
{{- if .Certificate}}
  certificate: "{{.Certificate}}"
  key: "{{.Key}}"
{{- else}}
  self_signed: true # replace by certificate: and key: before agents use it
{{- end}}

webphone:
  udp: "{{.Address}}:8444"

media:
  rtp: "{{.Address}}" # phones send their audio here, to ports 30000 to 30999
  tcp: "{{.Address}}:8444"

tokens:
  - {name: admin, sha256: {{.TokenSHA256}}, role: admin}

# Neighbouring servers, known by the address they send from.
# peers:
#   - name: pbx
#     sources: [192.0.2.20]
#     mode: redirect   # answer its INVITEs with the agent's contacts
#     publish: true    # it may PUBLISH the calls it carries

domains:
  - name: "{{.Domain}}"
    aliases: ["{{.Address}}"]
    statuses:
      - {name: Break, colour: amber, class: break, activity: away, max: 30m, return: available}
      - {name: Lunch, colour: amber, class: break, activity: meal, max: 90m, return: available}
      - {name: Meeting, colour: violet, class: working, outbound: true, activity: meeting}
      - {name: Training, colour: blue, class: working, regular: true, outbound: true, activity: busy}
    agents:
      - {number: "{{.Admin}}", name: "{{.AdminName}}", role: admin, login_hash: "{{.LoginHash}}"}
    # Everybody else: lamplight import agents.csv, lamplight agent add …
`
