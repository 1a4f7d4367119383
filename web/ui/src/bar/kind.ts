/** A page in an application window of its own, installed or opened by `--app=`, is
 * a desktop client. */
export function clientKind(match: (query: string) => { matches: boolean } = (q) => window.matchMedia(q)): 'web' | 'desktop' {
  const windows = ['standalone', 'minimal-ui', 'window-controls-overlay']
  return windows.some((mode) => match(`(display-mode: ${mode})`).matches) ? 'desktop' : 'web'
}
