// SPDX-License-Identifier: Apache-2.0
// node suite.mjs IIIF_ORIGIN MASTERS.JS: the page comes from another origin than the images, as at any institution.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { chromium } from 'playwright-core';

const [origin, list] = process.argv.slice(2);
const masters = JSON.parse(fs.readFileSync(list, 'utf8').replace(/^[^[]*/, '').replace(/,?\s*\];?\s*$/, ']'));
const types = { '.html': 'text/html', '.js': 'text/javascript', '.png': 'image/png' };
let passed = 0;
let failed = 0;

function check(name, problems) {
  if (problems.length === 0) passed++;
  else failed++;
  console.log(`${problems.length === 0 ? 'ok' : 'FAILED'} ${name}${problems.slice(0, 8).map(p => `\n    ${p}`).join('')}`);
}

/** The other origin: pages of this folder and OpenSeadragon from its package. */
function servePages() {
  const roots = { '/openseadragon/': 'node_modules/openseadragon/build/openseadragon/' };
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const prefix = Object.keys(roots).find(p => url.pathname.startsWith(p));
    const file = prefix ? roots[prefix] + url.pathname.slice(prefix.length) : `.${url.pathname}`;
    if (url.pathname.includes('..') || !fs.existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': types[path.extname(file)] ?? 'application/octet-stream' });
    fs.createReadStream(file).pipe(response);
  });
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Width and height in a JPEG's frame header. */
function jpegSize(bytes) {
  let at = 2;
  while (at + 9 < bytes.length) {
    const marker = bytes[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return [0, 0];
}

/** What is wrong with one answer: the status, or a size other than the URI asks for. */
async function problemsOf(response) {
  const url = response.url();
  if (!url.startsWith(origin)) return [];
  if (response.status() >= 400) return [`${response.status()} ${url}`];
  const asked = url.match(/\/(?:full|\d+,\d+,\d+,\d+)\/(\d+),(\d+)\/0\/default\.jpg$/);
  if (!asked) return [];
  const [w, h] = jpegSize(await response.body());
  return w === Number(asked[1]) && h === Number(asked[2]) ? [] : [`${w}×${h} ${url}`];
}

const whenDrawn = page => page.waitForFunction(
  () => window.failures.length > 0 ||
        (window.viewer.world.getItemCount() > 0 && window.viewer.world.getItemAt(0).getFullyLoaded()),
  null, { timeout: 60000 });

/** Distinct colours on the canvas: one that stays empty has one. */
const coloursDrawn = page => page.evaluate(() => {
  const canvas = document.querySelector('#viewer canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 404) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
});

/** Opens one master, looks at it whole, then at full resolution in three places. */
async function zoom(browser, pages, version, id) {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
  const problems = [];
  const pending = [];
  let tiles = 0;
  page.on('response', response => {
    if (/default\.jpg$/.test(response.url())) tiles++;
    pending.push(problemsOf(response).then(found => problems.push(...found)));
  });
  page.on('requestfailed', request => {
    // OpenSeadragon itself drops tiles that went out of view before they came.
    if (request.failure().errorText !== 'net::ERR_ABORTED') problems.push(`${request.failure().errorText} ${request.url()}`);
  });
  page.on('pageerror', error => problems.push(`script: ${error.message}`));
  const info = `${origin}/iiif/${version}/${encodeURIComponent(id)}/info.json`;
  await page.goto(`${pages}/openseadragon.html?info=${encodeURIComponent(info)}`);
  try {
    await whenDrawn(page);
    await page.screenshot({ path: `screenshots/${version}-${id.replace(/\W/g, '_')}.png` });
    for (const [x, y] of [[0.5, 0.5], [0.02, 0.02], [0.98, 0.98]]) {
      await page.evaluate(([fx, fy]) => {
        const item = viewer.world.getItemAt(0);
        const bounds = item.getBounds();
        viewer.viewport.zoomTo(viewer.viewport.getMaxZoom(), null, true);
        viewer.viewport.panTo(new OpenSeadragon.Point(bounds.x + bounds.width * fx, bounds.y + bounds.height * fy), true);
        viewer.forceRedraw();
      }, [x, y]);
      await page.waitForTimeout(200);
      await whenDrawn(page);
    }
    await page.screenshot({ path: `screenshots/${version}-${id.replace(/\W/g, '_')}-zoomed.png` });
    if (await coloursDrawn(page) < 2) problems.push('nothing is drawn');
  } catch (error) {
    problems.push(String(error.message).split('\n')[0]);
  }
  problems.push(...await page.evaluate(() => window.failures));
  await Promise.all(pending);
  if (tiles === 0) problems.push('no tile was asked for');
  await page.close();
  check(`OpenSeadragon zooms into ${id} by Image API ${version} (${tiles} tiles, each of the size asked for)`, problems);
}

const server = await servePages();
const pages = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync'],
});
for (const version of [3, 2])
  for (const id of masters) await zoom(browser, pages, version, id);
await browser.close();
server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
