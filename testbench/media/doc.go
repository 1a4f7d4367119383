// Package media has a real Chromium talk through the media gateway: with a plain
// phone's RTP, and with another page. What each hears is measured by its frequency.
package media
