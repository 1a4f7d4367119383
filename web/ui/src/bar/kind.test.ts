import { describe, expect, it } from 'vitest'
import { clientKind } from './kind'

describe('clientKind', () => {
  const shown = (mode: string) => (query: string) => ({ matches: query === `(display-mode: ${mode})` })
  it('is desktop in a window of its own', () => {
    expect(clientKind(shown('standalone'))).toBe('desktop')
    expect(clientKind(shown('window-controls-overlay'))).toBe('desktop')
  })
  it('is web in a tab', () => {
    expect(clientKind(shown('browser'))).toBe('web')
    expect(clientKind(shown('fullscreen'))).toBe('web')
  })
})
