import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Two entries: the whole application, and the agent's bar alone, slim enough to
// sit in a frame of another page.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    chunkSizeWarningLimit: 700, // kB before compression; the components library is most of it
    rollupOptions: { input: { app: 'index.html', bar: 'bar.html' } },
  },
  server: {
    proxy: {
      '/api': 'http://127.0.0.1:8080',
      '/webphone': { target: 'ws://127.0.0.1:8080', ws: true },
    },
  },
})
