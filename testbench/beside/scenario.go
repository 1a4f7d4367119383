package main

import "fmt"

// callee is every phone: it rings, answers after a while, and is hung up on.
func callee(rings int) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<scenario name="callee">
  <recv request="INVITE"/>
  <send><![CDATA[

    SIP/2.0 180 Ringing
    [last_Via:]
    [last_Record-Route:]
    [last_From:]
    [last_To:];tag=[pid]a[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:phone@[local_ip]:[local_port]>
    Content-Length: 0

  ]]></send>
  <pause milliseconds="%d"/>
  <send retrans="500"><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_Record-Route:]
    [last_From:]
    [last_To:];tag=[pid]a[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Contact: <sip:phone@[local_ip]:[local_port]>
    Content-Type: application/sdp
    Content-Length: [len]

%s
  ]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
</scenario>
`, rings, sdp)
}

const sdp = `    v=0
    o=- 1 1 IN IP[local_ip_type] [local_ip]
    s=-
    c=IN IP[media_ip_type] [media_ip]
    t=0 0
    m=audio 49170 RTP/AVP 8
    a=rtpmap:8 PCMA/8000
`

// caller is the PBX: it calls the number of field0, talks and hangs up.
func caller(talks int) string {
	head := func(method, uri, to string, routes bool) string {
		r := ""
		if routes {
			r = "    [routes]\n"
		}
		return fmt.Sprintf(`
    %s %s SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
%s    Max-Forwards: 70
    From: <sip:+390612345@[domain]>;tag=[pid]i[call_number]
    To: <sip:[field0]@[domain]>%s
    Call-ID: [call_id]
    CSeq: [cseq] %s
`, method, uri, r, to, method)
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
  <send retrans="500" start_rtd="1"><![CDATA[
` + head("INVITE", "sip:[field0]@[domain]", "", false) + `    Contact: <sip:pbx@[local_ip]:[local_port]>
    X-Lamplight-Call-Kind: regular
    Content-Type: application/sdp
    Content-Length: [len]

` + sdp + `
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180"/>
  <recv response="200" rrs="true" rtd="1"/>
  <send><![CDATA[
` + head("ACK", "[next_url]", "[peer_tag_param]", true) + `    Content-Length: 0

  ]]></send>
  <pause milliseconds="` + fmt.Sprint(talks) + `"/>
  <send retrans="500"><![CDATA[
` + head("BYE", "[next_url]", "[peer_tag_param]", true) + `    Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
`
}
