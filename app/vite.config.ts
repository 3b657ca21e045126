import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The Go server that `npm run dev` sends API and MQTT requests to.
const server = process.env.SCONCE_SERVER ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // Everything is a file of our own origin: the content security policy
    // allows neither data: addresses nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' },
    // MQTT.js and its stream library weigh 340 kB; they load after the first screen.
    chunkSizeWarningLimit: 400,
  },
  server: {
    proxy: {
      '/api': { target: server },
      '/mqtt': { target: server, ws: true },
    },
  },
});
