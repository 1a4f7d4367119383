// Small drawings on a 16 by 16 grid, in the colour of the text around them.
import type { ReactNode } from 'react'

const drawings: Record<string, ReactNode> = {
  available: <circle cx="8" cy="8" r="5" fill="currentColor" stroke="none" />,
  offline: <circle cx="8" cy="8" r="5" />,
  forbid: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M5 8h6" />
    </>
  ),
  phone: <path d="M4.5 2.5 6.5 5.5 5.2 7a8 8 0 0 0 3.8 3.8L10.500 9.500 13.500 11.500 12.500 13.500C8 14 2 8 2.500 3.500Z" />,
  pen: <path d="M3 13l1-3.500L10.500 3 13 5.500 6.500 12ZM9 4.500 11.500 7" />,
  out: <path d="M4 12 12 4M6 4h6v6" />,
  coffee: <path d="M3 6h8v4a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3ZM11 7h1a1.500 1.500 0 0 1 0 3.500h-1M5.500 2v2M8.500 2v2" />,
  utensils: <path d="M4 2v4a1.500 1.500 0 0 0 3 0V2M5.500 7.500V14M11 14V2c-2 1-2.500 4-2 6.500h2" />,
  users: (
    <>
      <circle cx="6" cy="5.500" r="2.500" />
      <path d="M1.500 13.500c0-5 9-5 9 0M10.500 3.200a2.500 2.500 0 0 1 0 4.600M12 10c1.700.6 2.500 1.800 2.500 3.500" />
    </>
  ),
  book: <path d="M8 4c-1.500-1.300-3.500-1.300-6-1v9.500c2.500-.3 4.500-.3 6 1 1.500-1.300 3.500-1.300 6-1V3c-2.500-.3-4.500-.3-6 1v9" />,
  half: (
    <>
      <circle cx="8" cy="8" r="5.500" />
      <path d="M8 2.500a5.500 5.500 0 0 1 0 11Z" fill="currentColor" stroke="none" />
    </>
  ),
  microphone: <path d="M8 2a2 2 0 0 1 2 2v3.500a2 2 0 0 1-4 0V4a2 2 0 0 1 2-2M3.500 7.500a4.500 4.500 0 0 0 9 0M8 12v2.500" />,
  warning: <path d="M8 2.500 14.500 13.500h-13ZM8 6.500v3.500M8 12v.2" />,
  tabs: <path d="M2 5h8v8H2ZM6 3h8v8h-2" />,
  bell: <path d="M4 11V7a4 4 0 0 1 8 0v4l1 1H3ZM6.500 14h3" />,
  wait: <path d="M8 2.500a5.500 5.500 0 1 1 0 11a5.500 5.500 0 1 1 0-11M8 5v3l2 1.500" />,
  lamp: <path d="M5.500 11.500C3 9 3.500 2.500 8 2.500s5 6.500 2.500 9ZM6 13.500h4" fill="currentColor" />,
}

export type IconName = keyof typeof drawings

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden style={{ display: 'block' }}>
      {drawings[name] ?? drawings.half}
    </svg>
  )
}
