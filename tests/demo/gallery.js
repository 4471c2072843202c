// SPDX-License-Identifier: Apache-2.0
// The demo's page: a card for each master, and OpenSeadragon over the one that is clicked.
'use strict';

const service = id => `/iiif/3/${encodeURIComponent(id)}`;
const dialog = document.getElementById('zoom');
let viewer = null;

function open(id) {
  if (typeof OpenSeadragon === 'undefined') {
    window.location = `${service(id)}/full/!1600,1600/0/default.jpg`;
    return;
  }
  dialog.classList.add('open');
  viewer = OpenSeadragon({
    id: 'viewer',
    prefixUrl: 'openseadragon/images/',
    tileSources: `${service(id)}/info.json`,
    showNavigator: true,
    navigatorPosition: 'BOTTOM_RIGHT',
  });
  window.viewer = viewer;
  document.getElementById('close').focus();
}

function close() {
  dialog.classList.remove('open');
  if (viewer) viewer.destroy();
  viewer = null;
}

function card(id) {
  const item = document.createElement('li');
  const button = document.createElement('button');
  const image = document.createElement('img');
  const text = document.createElement('p');
  const info = document.createElement('a');

  image.src = `${service(id)}/square/300,/0/default.jpg`;
  image.alt = id;
  image.loading = 'lazy';
  button.title = `Zoom into ${id}`;
  button.append(image);
  button.addEventListener('click', () => open(id));
  info.href = `${service(id)}/info.json`;
  info.textContent = 'info.json';
  text.append(id, ' · ', info);
  item.append(button, text);
  return item;
}

document.getElementById('masters').append(...window.masters.map(card));
document.getElementById('close').addEventListener('click', close);
document.addEventListener('keydown', event => { if (event.key === 'Escape') close(); });
if (typeof OpenSeadragon === 'undefined')
  document.getElementById('hint').textContent = 'OpenSeadragon is not here (make -f apxs.mk viewers); pictures open whole.';
