// The readings of a device over time as a small chart, drawn by uPlot.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { moment } from './format';
import type { Reading } from './types';

export interface Chart {
  update: (readings: readonly Reading[], from: number, to: number) => void;
  destroy: () => void;
}

/** How values are drawn. */
export interface Scale {
  /** How a value is written at the side; nothing is, without. */
  write: ((value: number) => string) | null;
  /** From the least to the greatest that is drawn, of those that there are. */
  range: (low: number, high: number) => [number, number];
}

/** For what begins at nothing: power, illuminance. */
export function fromZero(write: (value: number) => string, least = 1): Scale {
  return { write, range: (_, high) => [0, Math.max(least, high * 1.15)] };
}

/** For what is anywhere: temperature, signal, a counter. */
export function anywhere(write: (value: number) => string): Scale {
  return {
    write,
    range: (low, high) => {
      const room = Math.max((high - low) * 0.1, Math.abs(high) * 0.01, 0.5);
      return [low - room, high + room];
    },
  };
}

/** For what is or is not: bands. */
export const bands: Scale = { write: null, range: () => [0, 1] };

/** Draws into host with its colours, and follows its width, until it is destroyed. */
export function readingChart(host: HTMLElement, height: number, scale: Scale): Chart {
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
        y: { range: (_, low, high) => scale.range(low ?? 0, high ?? 0) },
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
          show: scale.write !== null,
          size: 64,
          space: 36,
          values: (_, values) => values.map((value) => scale.write?.(value) ?? ''),
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
