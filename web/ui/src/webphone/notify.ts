// Desktop notifications of calls, where the agent allowed them.

/** Shows a notification; the result takes it away. */
export function notify(who: string, tag: string, body = 'is calling'): () => void {
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return () => undefined
  try {
    const note = new Notification(who, { body, tag, requireInteraction: true })
    note.onclick = () => {
      window.focus()
      note.close()
    }
    return () => note.close()
  } catch {
    return () => undefined // some browsers have them in service workers only
  }
}

/** Asks for the permission; from a click. */
export function allowNotifications(): void {
  if (typeof Notification !== 'undefined' && Notification.permission === 'default') {
    void Notification.requestPermission().catch(() => undefined)
  }
}
