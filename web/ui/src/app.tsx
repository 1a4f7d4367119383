import { MantineProvider } from '@mantine/core'
import '@mantine/core/styles.css'
import { createRoot } from 'react-dom/client'

createRoot(document.getElementById('root')!).render(<MantineProvider>Lamplight</MantineProvider>)
