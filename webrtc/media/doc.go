// Package media is the gateway between a browser's audio and that of SIP phones:
// ICE, DTLS and SRTP on one side, plain RTP or RTP with keys by SDP (RFC 4568) on
// the other.
//
// # What a bridge is
//
// A Bridge is one call. It has two sides, the browser and the phone, each with
// its own offer and answer (RFC 3264), made when its signalling wants them; what
// changes on one side never reaches the other's transport. A phone that is held,
// transferred or moved gets its answer while the browser's DTLS and ICE stay as
// they are; a browser that changes its network restarts its ICE without the phone
// knowing. A page that was reloaded gets a connection of its own (ReplaceBrowser), and
// the phone knows nothing of that either.
//
// A call from a phone:
//
//	PhoneOffer → OfferBrowser → BrowserAnswer → AnswerPhone
//
// and one to a phone:
//
//	BrowserOffer → OfferPhone → PhoneAnswer (of a 183, again of the 200) → AnswerBrowser
//
// # What is promised
//
//   - Packets are rewritten, not transcoded: both sides speak one codec, except that
//     one law of G.711 is turned into the other. Comfort noise goes nowhere.
//   - Each side hears one source whose numbers and times go on without a seam over
//     hold, re-INVITE and transfer; what was lost on the way here shows as lost.
//   - Audio is taken from where the phone said, or from where it really comes
//     (symmetric RTP, RFC 4961), which is learnt from the first packets after each
//     negotiation and not later. Nobody can take a call over afterwards.
//   - Reports (RTCP) are made anew on each side; what they say is in Quality.
//   - Events come in order. A reader that does not keep up loses the oldest ones,
//     counted, never the call.
//   - Nothing on the way of a packet allocates here.
//   - Calls and ports are bounded (Options), a port rests after its call, and Close
//     waits for all that was started.
package media
