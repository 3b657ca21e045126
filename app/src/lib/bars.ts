// Amounts over time as bars, beside those of another time and a baseline, drawn by uPlot.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface BarData {
  /** What stands below each bar. */
  labels: readonly string[];
  now: readonly (number | null)[];
  /** Those of another time; empty for none. */
  before: readonly (number | null)[];
  baseline: readonly (number | null)[];
  /** How an amount is written at the side. */
  write: (value: number) => string;
}

export interface BarChart {
  update: (data: BarData) => void;
  /** Marks a bar; null for none. */
  mark: (index: number | null) => void;
  canvas: () => HTMLCanvasElement;
  destroy: () => void;
}

/** Draws into host with its colours; marked is told which bar the mouse is at. */
export function barChart(
  host: HTMLElement,
  height: number,
  marked: (index: number | null) => void,
): BarChart {
  const colour = (name: string) => getComputedStyle(host).getPropertyValue(name).trim();
  let data: BarData = { labels: [], now: [], before: [], baseline: [], write: String };
  const bars = uPlot.paths.bars;
  const font = `11px ${getComputedStyle(host).fontFamily}`;
  const pair = () => data.before.length > 0;
  const drawn = (align: -1 | 0 | 1, share: number) =>
    bars?.({ size: [share, 72], align, gap: 1, radius: 0.08 }) ?? null;
  const single = drawn(0, 0.72);
  const left = drawn(-1, 0.4);
  const right = drawn(1, 0.4);
  let own = false; // whether the mark was set from outside
  const plot = new uPlot(
    {
      width: host.clientWidth,
      height,
      padding: [12, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, x: true, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: () => [-0.6, Math.max(0.6, data.now.length - 0.4)] },
        y: { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        {
          stroke: () => colour('--text-2'),
          font,
          grid: { show: false },
          ticks: { show: false },
          size: 28,
          splits: (u) => {
            const room = Math.max(1, Math.floor(u.width / 64));
            const every = Math.max(1, Math.ceil(data.labels.length / room));
            return data.labels.map((_, i) => i).filter((i) => i % every === 0);
          },
          values: (_, splits) => splits.map((i) => data.labels[i] ?? ''),
        },
        {
          stroke: () => colour('--text-2'),
          font,
          grid: { stroke: () => colour('--line'), width: 1 },
          ticks: { show: false },
          size: 72,
          space: 40,
          values: (_, values) => values.map((value) => data.write(value)),
        },
      ],
      series: [
        {},
        {
          stroke: () => colour('--control-line'),
          fill: () => colour('--track'),
          width: 1,
          points: { show: false },
          paths: (u, s, a, b) => left?.(u, s, a, b) ?? null,
        },
        {
          stroke: () => colour('--lit'),
          fill: () => colour('--lit'),
          width: 0,
          points: { show: false },
          paths: (u, s, a, b) => (pair() ? right : single)?.(u, s, a, b) ?? null,
        },
        {
          stroke: () => colour('--text'),
          width: 1.5,
          dash: [6, 4],
          points: { show: false },
        },
      ],
      hooks: {
        setCursor: [
          (u) => {
            if (!own) marked(u.cursor.idx ?? null);
          },
        ],
      },
    },
    [[], [], [], []],
    host,
  );
  const resized = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height }));
  resized.observe(host);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => plot.redraw();
  dark.addEventListener('change', redraw);
  const themed = new MutationObserver(redraw);
  themed.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return {
    update(next) {
      data = next;
      const beside = next.now.map((_, i) => next.before[i] ?? null);
      const base = next.now.map((_, i) => next.baseline[i] ?? null);
      plot.setData([next.now.map((_, i) => i), beside, [...next.now], base]);
    },
    mark(index) {
      own = true;
      if (index === null) plot.setCursor({ left: -10, top: -10 });
      else plot.setCursor({ left: plot.valToPos(index, 'x'), top: 10 });
      own = false;
    },
    canvas: () => plot.ctx.canvas,
    destroy() {
      dark.removeEventListener('change', redraw);
      themed.disconnect();
      resized.disconnect();
      plot.destroy();
    },
  };
}

/** A drawing on paper of its own, with a title, as a picture file. */
export function picture(
  canvas: HTMLCanvasElement,
  host: HTMLElement,
  title: string,
): Promise<Blob> {
  const style = getComputedStyle(host);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const scale = canvas.width / Math.max(1, canvas.clientWidth);
  const head = 40 * scale;
  const paper = document.createElement('canvas');
  paper.width = canvas.width;
  paper.height = canvas.height + head;
  const draw = paper.getContext('2d');
  if (draw) {
    draw.fillStyle = colour('--surface');
    draw.fillRect(0, 0, paper.width, paper.height);
    draw.fillStyle = colour('--text');
    draw.font = `600 ${14 * scale}px ${style.fontFamily}`;
    draw.fillText(title, 12 * scale, 26 * scale, paper.width - 24 * scale);
    draw.drawImage(canvas, 0, head);
  }
  return new Promise((resolve, reject) =>
    paper.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/png'),
  );
}
