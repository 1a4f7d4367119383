package microphone

// Words says a code in a sentence the agent understands, and what to do about
// it. An empty or unknown code has none.
func Words(code string) (sentence, remedy string) {
	switch code {
	case codeNotAsked:
		return "The microphone has not been allowed yet.",
			"Press \"Allow microphone\" and answer the browser's question with Allow."
	case codeAsking:
		return "The browser is asking whether this page may use the microphone.",
			"Answer the browser's question with Allow."
	case codeDenied:
		return "The browser does not let this page use the microphone.",
			"Click the lock or microphone sign beside the address, set Microphone to Allow, then try again."
	case codeMissing:
		return "No microphone was found.",
			"Plug in a headset or microphone, or switch it on, then try again."
	case codeUnplug:
		return "The microphone was unplugged or switched off.",
			"Plug the headset in again, or switch it on; it is tried by itself."
	case codeLost:
		return "The microphone was taken away.",
			"Check the headset's plug or Bluetooth connection and the site's permission, then try again."
	case codeBusy:
		return "The microphone is held by another program.",
			"Close the other program that uses the microphone, then try again."
	case codeFailed:
		return "The microphone could not be opened.",
			"Unplug and plug in the headset, or restart the browser, then try again."
	case codeMuted:
		return "The microphone is muted by the headset or the system.",
			"Unmute the headset or the system's microphone before you take a call."
	case codeSilent:
		return "The microphone is connected but gave only silence.",
			"Check the headset's mute switch and the microphone chosen in the browser."
	case codeUntested:
		return "The microphone is being tested.",
			"This takes about two seconds."
	}
	return networkWords(code)
}

// networkWords are those of a test call that proved nothing; the codes are
// testcall's.
func networkWords(code string) (sentence, remedy string) {
	switch code {
	case "no-ice":
		return "The network lets no call audio (UDP) through to the server.",
			"Try another network or VPN setting, or ask the administrator to open the server's UDP port."
	case "no-dtls":
		return "The encrypted audio connection could not be set up.",
			"Try again; if it stays so, a firewall on the way changes or drops UDP packets."
	case "no-audio":
		return "The audio connection stands, but no sound from the microphone arrived.",
			"Choose another microphone in the browser, then try again."
	case "not-heard":
		return "The server's audio does not arrive in this page.",
			"Try another network, or ask the administrator to check the firewall."
	case "no-offer":
		return "The page did not make the test call in time.",
			"Reload the page."
	case "bad-offer":
		return "The browser's audio settings do not fit the server.",
			"Use a current Chrome, Edge, Firefox or Safari."
	case "busy":
		return "Many phones are being tested at this moment.",
			"Wait a little; the test is repeated by itself."
	}
	return "", ""
}
