// Why there is no connection, as far as the server said, and what to do.

import { close } from './protocol'
import type { Words } from './words'

const words: Record<number, Words> = {
  [close.tooMany]: {
    sentence: 'The webphone is open in too many tabs or browsers.',
    remedy: 'Close some of them; this one then connects by itself.',
  },
  [close.restart]: { sentence: 'The server restarts.', remedy: 'This page connects again by itself within seconds.' },
  [close.silent]: {
    sentence: 'This page did not answer the server for a while.',
    remedy: 'It connects again by itself. If it happens often, close programs and tabs that keep the machine busy.',
  },
  [close.policy]: {
    sentence: 'The server did not understand this page.',
    remedy: 'Reload the page. If it lasts, tell your administrator.',
  },
  [close.tooBig]: {
    sentence: 'The server did not understand this page.',
    remedy: 'Reload the page. If it lasts, tell your administrator.',
  },
}

/** The words for a socket that was closed with this code. */
export function lostWords(code: number): Words {
  return (
    words[code] ?? {
      sentence: 'There is no connection to the server.',
      remedy: 'It is tried again by itself. Check the network if it lasts.',
    }
  )
}
