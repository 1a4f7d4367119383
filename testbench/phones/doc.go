// Package phones has scripted phones of several makers register and watch an
// agent through a whole story: what each sends, which documents it takes, and
// what its lamp then shows.
//
// What a phone makes of a document is written here a second time, from what is
// known of that phone, with encoding/xml alone: nothing of the server's own
// reading or writing of documents is used, so that a mistake there is not made
// twice. A document that a phone would not understand is an error, also where
// the lamp happens to be right.
package phones
