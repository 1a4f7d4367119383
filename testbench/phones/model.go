package phones

import (
	"errors"
	"fmt"
	"strings"
)

// Model is how the phones of a family use the server.
type Model struct {
	Name      string
	UserAgent string
	TCP       bool
	// Register and Subscribe are header lines beside those that every request
	// has, Accept among them where the phone sends one.
	Register, Subscribe string
	// Contact is the Contact of both, given the phone's URI and its instance id.
	Contact func(uri, instance string) string
	Event   string // with parameters
	// Lasts is how long a registration and a subscription are asked for.
	Registration, Subscription int
	// Type is the Content-Type the phone needs.
	Type string
	// List: the phone watches the whole team by one subscription. Body is the list
	// it brings, where the server does not keep it.
	List bool
	Body string
	// Read makes the lamp of a document.
	Read func(body []byte, entity string) (Lamp, error)
	// Lit: a status that takes no calls lights the lamp, as the configuration
	// wants it for this phone.
	Lit bool
	// Picks: it takes over the watched one's call by Replaces.
	Picks bool
}

const dialogInfo = "application/dialog-info+xml"

// plain is the Contact of most phones.
func plain(uri, _ string) string { return "<" + uri + ">" }

// outbound has an instance and a flow (RFC 5626).
func outbound(uri, instance string) string {
	return "<" + uri + `>;reg-id=1;+sip.instance="<` + instance + `>"`
}

// The readers of lamp keys.

// keyByDialogs needs a dialog element and reads the first that is not over.
func keyByDialogs(spelling string, pickup bool) func([]byte, string) (Lamp, error) {
	return func(b []byte, entity string) (Lamp, error) {
		doc, err := readInfo(b, entity)
		if err != nil {
			return Lamp{}, err
		}
		d := doc.first()
		l := d.key(spelling)
		if pickup {
			l.Pickup = d.pickup()
		}
		return l, nil
	}
}

// keyByFirst reads the first dialog, whatever it is.
func keyByFirst(b []byte, entity string) (Lamp, error) {
	doc, err := readInfo(b, entity)
	if err != nil {
		return Lamp{}, err
	}
	return doc.Dialogs[0].key("pvalue"), nil
}

// keyOfPoly names the line by the local identity.
func keyOfPoly(b []byte, entity string) (Lamp, error) {
	doc, err := readInfo(b, entity)
	if err != nil {
		return Lamp{}, err
	}
	d := doc.first()
	l := d.key("pvalue")
	l.Pickup = d.pickup() // native directed pickup
	if l.State != "idle" && (d.Local == nil || strings.TrimSpace(d.Local.Identity.URI) == "") {
		return l, errors.New("no local identity: the phone cannot name the line")
	}
	return l, nil
}

// keyOfPJSIP reads a document of one dialog.
func keyOfPJSIP(b []byte, entity string) (Lamp, error) {
	doc, err := readInfo(b, entity)
	if err != nil {
		return Lamp{}, err
	}
	if n := len(doc.Dialogs); n != 1 {
		return Lamp{}, fmt.Errorf("%d dialogs: it reads one", n)
	}
	return doc.Dialogs[0].key("pval"), nil
}

// Models are the families, each with the habits that are known of it.
func Models() []Model {
	accept := "Accept: " + dialogInfo + "\r\n"
	return []Model{
		{
			Name: "Yealink", UserAgent: "Yealink SIP-T46S 66.85.0.5", Contact: plain, Event: "dialog",
			Register:  "Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE\r\n",
			Subscribe: accept, Registration: 3600, Subscription: 1800, Type: dialogInfo, Lit: true,
			Read: keyByDialogs("pval", true), Picks: true,
		}, {
			Name: "Poly", UserAgent: "PolycomVVX-VVX_411-UA/6.3.1.8427", Event: "dialog",
			Contact: func(uri, _ string) string {
				return "<" + uri + `>;methods="INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER"`
			},
			Subscribe:    "Accept: application/dialog-info+xml,multipart/related,application/rlmi+xml\r\nSupported: replaces, 100rel, eventlist\r\nAccept-Language: en\r\n",
			Registration: 3600, Subscription: 3600, Type: dialogInfo,
			Read: keyOfPoly, Picks: true,
		}, {
			Name: "Poly buddy", UserAgent: "PolycomVVX-VVX_601-UA/6.3.1.8427", Contact: plain, Event: "presence",
			Subscribe:    "Accept: application/xpidf+xml, text/xml+msrtc.pidf, application/pidf+xml\r\n",
			Registration: 3600, Subscription: 3600, Read: buddyOfPoly,
		}, {
			Name: "Snom", UserAgent: "snomD785/10.1.127.10", Event: "dialog",
			Contact: func(uri, instance string) string {
				return "<" + uri + `;line=k3p9x1>;reg-id=1;q=1.0;+sip.instance="<` + instance + `>";audio;mobility="fixed";duplex="full";description="snomD785";actor="principal";events="dialog";methods="INVITE,ACK,CANCEL,BYE,REFER,OPTIONS,NOTIFY,SUBSCRIBE,PRACK,MESSAGE,INFO,PUBLISH,UPDATE"`
			},
			Register:  "Supported: path, gruu\r\nAllow-Events: dialog\r\nX-Real-IP: 192.168.1.20\r\n",
			Subscribe: accept, Registration: 3600, Subscription: 3600, Type: dialogInfo,
			Read: keyByDialogs("pval", true), Picks: true,
		}, {
			Name: "Grandstream", UserAgent: "Grandstream GXP2170 1.0.11.64", Contact: outbound, Event: "dialog",
			Register:  "X-Grandstream-PBX: true\r\nSupported: path, outbound\r\n",
			Subscribe: accept + "Supported: replaces, path, timer, eventlist\r\n", Registration: 3600, Subscription: 3600, Type: dialogInfo,
			Read: keyByFirst,
		}, {
			Name: "Cisco MPP", UserAgent: "Cisco-CP-8851-3PCC/11.3.1_000000000000", TCP: true, Contact: plain, Event: "dialog",
			Register:  "Allow-Events: dialog\r\nSupported: replaces, sec-agree, record-aware\r\n",
			Subscribe: "Accept: application/dialog-info+xml\r\nSupported: eventlist\r\n", Registration: 3600, Subscription: 1800, Type: dialogInfo,
			Read: keyByDialogs("pvalue", false),
		}, {
			Name: "Fanvil", UserAgent: "Fanvil X6U 2.4.0", Contact: plain, Event: "dialog",
			Subscribe: accept, Registration: 3600, Subscription: 3600, Type: dialogInfo,
			Read: keyByFirst,
		}, {
			Name: "PJSIP lamp", UserAgent: "PJSUA v2.14 Linux", Event: "dialog",
			Contact:   func(uri, _ string) string { return "<" + uri + ";ob>" },
			Subscribe: accept + "Supported: replaces, 100rel, timer, norefersub\r\nAllow-Events: presence, message-summary, refer, dialog\r\n",
			Register:  "Supported: outbound, path\r\n", Registration: 300, Subscription: 600, Type: dialogInfo,
			Read: keyOfPJSIP,
		}, {
			Name: "PJSIP buddy", UserAgent: "MicroSIP/3.21.3", Event: "presence",
			Contact:      func(uri, _ string) string { return "<" + uri + ";ob>" },
			Subscribe:    "Accept: application/pidf+xml, application/xpidf+xml\r\n",
			Registration: 300, Subscription: 600, Type: "application/pidf+xml", Read: buddyOfRPID,
		}, {
			Name: "Linphone", UserAgent: "Linphone-Desktop/5.1.65 (lamp) LinphoneSDK/5.2.0", Event: "presence",
			Contact: func(uri, instance string) string {
				return "<" + uri + `>;+sip.instance="<` + instance + `>";+org.linphone.specs="groupchat,lime"`
			},
			Register: "Supported: replaces, outbound, gruu, path\r\n", // and no Accept in its SUBSCRIBE
			TCP:      true, Registration: 120, Subscription: 3600, Type: "application/pidf+xml", Read: buddyOfLinphone,
		}, {
			Name: "baresip", UserAgent: "baresip v1.0.0 (x86_64/linux)", Contact: outbound, Event: "presence",
			Register: "Supported: gruu,path,outbound\r\n", Subscribe: "Accept: application/pidf+xml\r\n",
			Registration: 600, Subscription: 600, Type: "application/pidf+xml", Read: buddyOfText,
		}, {
			Name: "Cisco enterprise", UserAgent: "Cisco-CP8861/12.8.1", TCP: true, Event: "presence",
			Contact: func(uri, instance string) string {
				return "<" + uri + `>;+sip.instance="<` + instance + `>";+u.sip!devicename.ccm.cisco.com="SEP00112233AABB";+u.sip!model.ccm.cisco.com="684"`
			},
			Subscribe:    "Accept: application/cpim-pidf+xml\r\n",
			Registration: 3600, Subscription: 3600, Type: "application/cpim-pidf+xml", Read: buddyOfCisco,
		}, {
			Name: "Yealink list", UserAgent: "Yealink SIP-T54W 96.86.0.70", TCP: true, Contact: plain, Event: "dialog", List: true,
			Subscribe:    "Supported: eventlist\r\nAccept: application/dialog-info+xml, application/rlmi+xml, multipart/related\r\n",
			Registration: 3600, Subscription: 1800, Read: keyByDialogs("pval", true), Lit: true, Picks: true,
		}, {
			Name: "Poly list", UserAgent: "Poly/8.1.2 PolyEdge-E450", Contact: plain, Event: "dialog", List: true,
			Subscribe:    "Supported: eventlist\r\nAccept: application/dialog-info+xml,multipart/related,application/rlmi+xml\r\n",
			Registration: 3600, Subscription: 3600, Read: keyByDialogs("pvalue", true),
		}, {
			Name: "Linphone list", UserAgent: "Linphone-Desktop/5.1.65 (list) LinphoneSDK/5.2.0", TCP: true, Contact: plain, Event: "presence", List: true,
			Subscribe: "Supported: eventlist\r\nRequire: recipient-list-subscribe\r\nAccept: multipart/related, application/pidf+xml, application/rlmi+xml\r\n" +
				"Accept-Encoding: deflate\r\nContent-Disposition: recipient-list\r\nContent-Type: application/resource-lists+xml\r\n",
			Body: `<?xml version="1.0" encoding="UTF-8"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>` +
				`<entry uri="sip:1001@demo.lamplight.test"/><entry uri="sip:1002@demo.lamplight.test"/></list></resource-lists>`,
			Registration: 120, Subscription: 3600, Read: buddyOfLinphone,
		},
	}
}
