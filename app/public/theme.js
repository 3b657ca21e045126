// Runs before the first paint, so that a chosen theme never flashes the other one.
// The key and the values are those of src/lib/theme.svelte.ts.
try {
  const theme = localStorage.getItem('sconce.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's theme applies.
}
