/*
 * Brings the pictures of a run report to life: one cursor and one zoom over all of them. It runs in the reader's browser, after the
 * page can already be read without it; whatever is missing here (no DecompressionStream, no canvas) leaves the drawn pictures as they are.
 */
/* global uPlot */
const holder = document.getElementById('run-data');
const charts = [];
const style = getComputedStyle(document.documentElement);
const color = (name) => style.getPropertyValue(`--${name}`).trim();
const KEYS = 7;

async function decode(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

/* Figures, as the server writes them. */
const digits = (value) =>
  (Number.isInteger(value) ? value : Number(value.toPrecision(3))).toLocaleString('en-US', { maximumFractionDigits: 9 });
const UNITS = {
  plain: digits,
  percent: (value) => `${digits(value * 100)} %`,
  seconds: (value) =>
    value >= 1 || value === 0 ? `${digits(value)} s` : value >= 1e-3 ? `${digits(value * 1e3)} ms` : `${digits(value * 1e6)} µs`,
  bytes: (value) => {
    const power = value < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
    return `${digits(value / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
  },
};

function clock(at) {
  if (at < 120) return `${Number(at.toFixed(at < 10 ? 1 : 0))} s`;
  const whole = Math.round(at);
  const two = (n) => String(n).padStart(2, '0');
  const pair = (large, small, unit) => `${large}${small === 0 ? '' : ` ${two(small)} ${unit}`}`;
  if (whole < 7200) return pair(`${Math.floor(whole / 60)} min`, whole % 60, 's');
  return pair(`${Math.floor(whole / 3600)} h`, Math.floor((whole % 3600) / 60), 'min');
}

const TIME_STEPS = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function timeLabel(at, step) {
  if (at === 0) return '0';
  if (step >= 3600) return `${Number((at / 3600).toFixed(1))} h`;
  if (step >= 60) return at >= 3600 && at % 3600 === 0 ? `${at / 3600} h` : `${Math.round(at / 60)} min`;
  return at < 120 ? `${at} s` : clock(at);
}

/* Buckets to columns: undefined is bridged, null breaks the line. */
function columns(data, chart) {
  const x = Array.from({ length: chart.count }, (_, i) => data.from + (i + 0.5) * chart.step);
  const spread = (series, values) => {
    const column = new Array(chart.count).fill(undefined);
    values.forEach((value, k) => {
      column[series.i ? series.i[k] : k] = value;
    });
    return column;
  };
  return [x, ...chart.series.flatMap((s) => [spread(s, s.min ?? s.mean), spread(s, s.max ?? s.mean), spread(s, s.mean)])];
}

/* A value between two breaks has no line to lie on: it gets a point. */
function lonely(column) {
  const found = [];
  let start = null;
  let many = 0;
  const close = () => {
    if (many === 1) found.push(start);
    many = 0;
  };
  column.forEach((value, i) => {
    if (value === null) close();
    else if (value !== undefined) {
      start = i;
      many++;
    }
  });
  close();
  return found;
}

function backdrop(u, data) {
  const { left, top, width, height } = u.bbox;
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top - 6 * devicePixelRatio, width, height + 6 * devicePixelRatio);
  ctx.clip();
  for (const [kind, name, from, to] of data.stretches) {
    const x = u.valToPos(from, 'x', true);
    const w = Math.max(1, u.valToPos(to, 'x', true) - x);
    if (kind === 'fault') {
      ctx.globalAlpha = 0.2;
      ctx.fillStyle = color('fault');
      ctx.fillRect(x, top, w, height);
    } else if (kind === 'stage' && name !== 'measure') {
      ctx.globalAlpha = 0.06;
      ctx.fillStyle = color('ink');
      ctx.fillRect(x, top, w, height);
    } else if (kind === 'mark') {
      ctx.globalAlpha = 1;
      ctx.fillStyle = color('mark');
      ctx.fillRect(x, top - 5 * devicePixelRatio, w, 3 * devicePixelRatio);
    }
  }
  ctx.restore();
}

function stroke(u, from, to, tone, width, dash) {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.beginPath();
  ctx.strokeStyle = color(tone);
  ctx.lineWidth = width * devicePixelRatio;
  ctx.setLineDash(dash.map((d) => d * devicePixelRatio));
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.restore();
}

function foreground(u, data, chart) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  for (const [kind, at] of data.instants) {
    const x = u.valToPos(at, 'x', true);
    const tone = kind === 'restart' ? 'fail' : kind === 'infra' ? 'infra' : 'quiet';
    stroke(u, [x, top], [x, top + height], tone, 1.5, kind === 'ordered' ? [2, 3] : []);
  }
  for (const [kind, text, x0, y0, x1, y1] of chart.lines) {
    const from = [u.valToPos(x0, 'x', true), u.valToPos(y0, 'y', true)];
    const to = [u.valToPos(x1, 'x', true), u.valToPos(y1, 'y', true)];
    stroke(u, from, to, kind === 'trend' ? 'ink' : 'fail', 1.3, kind === 'trend' ? [2, 4] : [6, 4]);
    ctx.save();
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = 'right';
    ctx.lineJoin = 'round';
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.strokeStyle = color('sheet');
    ctx.fillStyle = color('quiet');
    const at = [Math.min(to[0], left + width) - 4 * devicePixelRatio, to[1] - 5 * devicePixelRatio];
    ctx.strokeText(text, ...at);
    ctx.fillText(text, ...at);
    ctx.restore();
  }
}

function ySplits(unit, max) {
  const rough = max / 4;
  let step;
  if (unit === 'bytes') step = 2 ** Math.max(0, Math.round(Math.log2(rough)));
  else {
    const power = 10 ** Math.floor(Math.log10(rough));
    const off = (s) => Math.abs(Math.log(s / rough));
    step = [1, 2, 5, 10].map((m) => m * power).reduce((best, s) => (off(s) < off(best) ? s : best));
    if (unit === 'plain' && max >= 2) step = Math.max(1, step);
  }
  const splits = [];
  for (let i = 0; i * step <= max * 1.001; i++) splits.push(i * step);
  return splits;
}

function draw(figure, data, chart) {
  const picture = figure.querySelector('svg.static');
  const readouts = [...figure.querySelectorAll('.legend b')];
  const when = figure.querySelector('.when');
  const said = readouts.map((b) => b.textContent);
  const place = document.createElement('div');
  place.className = 'live';
  place.tabIndex = 0;
  place.setAttribute('role', 'img');
  place.setAttribute('aria-label', `${picture.getAttribute('aria-label')}. Arrow keys move the cursor, plus and minus zoom, 0 shows all.`);
  picture.after(place);
  const width = () => place.clientWidth || figure.clientWidth;
  const values = UNITS[chart.unit];
  const axis = { stroke: () => color('quiet'), font: '12px system-ui, sans-serif', ticks: { show: false } };
  const u = new uPlot(
    {
      width: width(),
      height: chart.height + 8,
      padding: [12, 14, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: 'run', scales: ['x', null] }, drag: { x: true, y: false }, points: { size: 6 }, y: false },
      scales: {
        x: { time: false, auto: false, min: data.from, max: data.to },
        y: { range: [0, chart.yMax] },
      },
      axes: [
        {
          ...axis,
          size: 30,
          gap: 8,
          grid: { show: false },
          splits: (_, __, low, high) => {
            const step = TIME_STEPS.find((s) => s >= (high - low) / 8) ?? 86400;
            const splits = [];
            for (let at = Math.ceil(low / step) * step; at <= high; at += step) splits.push(at);
            return splits;
          },
          values: (_, splits) => splits.map((at) => timeLabel(at, splits.length > 1 ? splits[1] - splits[0] : 1)),
        },
        {
          ...axis,
          size: 72,
          gap: 8,
          grid: { stroke: () => color('grid'), width: 1 },
          splits: () => ySplits(chart.unit, chart.yMax),
          values: (_, splits) => splits.map((v) => (v === 0 ? '0' : values(v))),
        },
      ],
      series: [
        {},
        ...chart.series.flatMap((_, k) => [
          { stroke: 'transparent', width: 0, points: { show: false } },
          { stroke: 'transparent', width: 0, points: { show: false } },
          { stroke: () => color(`k${k % KEYS}`), width: 1.6, points: { size: 4, filter: (self) => lonely(self.data[3 * k + 3]) } },
        ]),
      ],
      bands: chart.series.flatMap((s, k) =>
        s.min ? [{ series: [3 * k + 2, 3 * k + 1], fill: () => `color-mix(in srgb, ${color(`k${k % KEYS}`)} 20%, transparent)` }] : [],
      ),
      hooks: {
        drawClear: [(self) => backdrop(self, data)],
        draw: [(self) => foreground(self, data, chart)],
        setCursor: [
          (self) => {
            const i = self.cursor.idx;
            const isOver = i !== null && i !== undefined && self.cursor.left >= 0;
            when.textContent = isOver ? `at ${clock(self.data[0][i])}` : '';
            for (const [k, b] of readouts.entries()) {
              const value = isOver ? self.data[3 * k + 3][i] : undefined;
              b.textContent = !isOver ? said[k] : value === undefined || value === null ? 'unknown' : values(value);
            }
          },
        ],
        setScale: [
          (self, key) => {
            if (key !== 'x') return;
            place.dataset.span = (self.scales.x.max - self.scales.x.min).toFixed(1);
            zoomAll(self);
          },
        ],
      },
    },
    columns(data, chart),
    place,
  );
  figure.classList.add('drawn');
  place.addEventListener('keydown', (event) => steer(event, u, data));
  place.addEventListener('dblclick', () => zoom(u, data.from, data.to));
  charts.push({ u, width, height: chart.height + 8 });
}

let zooming = false;
function zoomAll(source) {
  if (zooming) return;
  zooming = true;
  const { min, max } = source.scales.x;
  for (const { u } of charts) if (u !== source) u.setScale('x', { min, max });
  zooming = false;
}

function zoom(u, min, max) {
  u.setScale('x', { min, max });
}

function steer(event, u, data) {
  const x = u.data[0];
  const { min, max } = u.scales.x;
  const index = u.cursor.idx ?? u.valToIdx(min);
  const middle = x[index] ?? (min + max) / 2;
  const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -x.length, End: x.length };
  const move = moves[event.key];
  if (move !== undefined) {
    const to = Math.max(u.valToIdx(min), Math.min(u.valToIdx(max), index + move * (event.shiftKey ? 10 : 1)));
    for (const chart of charts) chart.u.setCursor({ left: chart.u.valToPos(x[to], 'x'), top: 20 });
  } else if (event.key === '+' || event.key === '=')
    zoom(u, Math.max(data.from, middle - (middle - min) / 2), Math.min(data.to, middle + (max - middle) / 2));
  else if (event.key === '-') zoom(u, Math.max(data.from, middle - (middle - min) * 2), Math.min(data.to, middle + (max - middle) * 2));
  else if (event.key === '0' || event.key === 'Escape') zoom(u, data.from, data.to);
  else return;
  event.preventDefault();
}

async function main() {
  if (!holder || typeof DecompressionStream === 'undefined') return;
  const data = await decode(JSON.parse(holder.textContent));
  for (const [id, chart] of Object.entries(data.charts)) {
    const figure = document.getElementById(id);
    if (figure) draw(figure, data, chart);
  }
  new ResizeObserver(() => {
    for (const { u, width, height } of charts) if (width() !== u.width) u.setSize({ width: width(), height });
  }).observe(document.querySelector('main'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const { u } of charts) u.redraw(false, true);
  });
  document.documentElement.dataset.live = 'true';
}

main();
