// The power of a light over time as a small chart, drawn by uPlot.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { moment, watts } from './format';
import type { Reading } from './types';

export interface Chart {
  update: (readings: readonly Reading[], from: number, to: number) => void;
  destroy: () => void;
}

/** Draws into host with its colours, and follows its width, until it is destroyed. */
export function powerChart(host: HTMLElement, height: number): Chart {
  const colour = (name: string) => getComputedStyle(host).getPropertyValue(name).trim();
  let range: [number, number] = [0, 1];
  const axis: uPlot.Axis = {
    stroke: () => colour('--text-3'),
    font: `11px ${getComputedStyle(host).fontFamily}`,
    grid: { stroke: () => colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const steps = uPlot.paths.stepped;
  const plot = new uPlot(
    {
      width: host.clientWidth,
      height,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 } },
      scales: {
        x: { range: () => range },
        y: { range: (_, __, high) => [0, Math.max(1, high * 1.15)] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 30,
          space: 70,
          values: (_, at) => at.map((seconds) => moment(seconds * 1000, seconds * 1000)),
        },
        {
          ...axis,
          size: 52,
          space: 36,
          values: (_, values) => values.map((value) => watts(value)),
        },
      ],
      series: [
        {},
        {
          stroke: () => colour('--lit'),
          fill: () => colour('--lit-soft'),
          width: 2,
          points: { show: false },
          // A meter reports when its value changes: the last one holds until the next.
          ...(steps && { paths: steps({ align: 1 }) }),
        },
      ],
    },
    [[], []],
    host,
  );
  const resized = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height }));
  resized.observe(host);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => plot.redraw();
  dark.addEventListener('change', redraw);
  return {
    update(readings, from, to) {
      range = [from / 1000, to / 1000];
      plot.setData([
        readings.map(({ at }) => Date.parse(at) / 1000),
        readings.map(({ value }) => value),
      ]);
    },
    destroy() {
      dark.removeEventListener('change', redraw);
      resized.disconnect();
      plot.destroy();
    },
  };
}
