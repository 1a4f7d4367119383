package quirks

// Shipped is what is known of the common families. A family without quirks is
// there because it was looked at.
//
// No family is sent partial dialog state by itself: a phone that missed a
// document shows a wrong lamp until the next full one, and full documents are
// small.
func Shipped() Table {
	return Table{
		{Match: "Yealink"},     // keeps the old lamp without a dialog element: there always is one
		{Match: "Grandstream"}, // pickup by call-id and tags, which are there
		{Match: "snom"},        // pickup by INVITE with Replaces to the remote target
		{Match: "Fanvil"},      // compares the entity as a string
		{Match: "Poly", Quirks: XPIDF},
		{Match: "Cisco*3PCC"}, // MPP: lamps by dialog, as everybody
		{Match: "Cisco/SPA"},
		{Match: "Cisco", Quirks: CiscoActivities}, // enterprise firmware: presence only
		{Match: "Linphone", Quirks: LinphoneList | NoReplaces},
		{Match: "MicroSIP", Quirks: SingleDialog}, // PJSIP inside
		{Match: "PJSU", Quirks: SingleDialog},
		{Match: "*pjsip", Quirks: SingleDialog},
		{Match: "*pjproject", Quirks: SingleDialog},
		{Match: "Zoiper"},
		{Match: "Z "}, // Zoiper's newer name
		{Match: "baresip"},
		{Match: "JsSIP"},
		{Match: "SIP.js"},
	}
}
