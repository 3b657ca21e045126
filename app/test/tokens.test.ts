import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../src/styles/tokens.css', import.meta.url), 'utf8');

function block(selector: string): Map<string, string> {
  const start = css.indexOf(selector + ' {');
  const body = css.slice(start, css.indexOf('}', start));
  return new Map(
    [...body.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [
      name ?? '',
      value ?? '',
    ]),
  );
}

const light = block(':root');
const dark = block(":root:not([data-theme='light'])");
const chosenDark = block(":root[data-theme='dark']");

it('dark is the same by choice as by system', () => {
  expect(dark.size).toBeGreaterThan(20);
  expect(chosenDark).toEqual(dark);
});

/** The contrast ratio of two colours (WCAG 2.2, "contrast ratio"). */
function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const [r = 0, g = 0, bl = 0] = [1, 3, 5].map((i) => {
      const c = parseInt(hex.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * bl;
  };
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

describe.each([
  ['light', light],
  ['dark', new Map([...light, ...dark])],
])('contrast in %s', (_, theme) => {
  const ratio = (a: string, b: string) => contrast(theme.get(a) ?? '', theme.get(b) ?? '');
  const surfaces = ['--bg', '--surface', '--surface-2', '--hover'];

  it.each(['--text', '--text-2', '--text-3'])('%s is readable on every surface', (colour) => {
    for (const surface of surfaces) expect(ratio(colour, surface)).toBeGreaterThanOrEqual(4.5);
  });

  it.each([
    ['--bad', '--surface'],
    ['--warn', '--surface'],
    ['--good', '--surface'],
    ['--good', '--surface-2'],
    ['--text', '--warn-soft'],
    ['--text', '--bad-soft'],
    ['--on-accent', '--accent'],
  ])('%s is readable on %s', (text, ground) => {
    expect(ratio(text, ground)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['--lit', '--control-line', '--focus'])('%s stands out as a control', (colour) => {
    for (const surface of ['--bg', '--surface', '--surface-2']) {
      expect(ratio(colour, surface)).toBeGreaterThanOrEqual(3);
    }
  });
});
