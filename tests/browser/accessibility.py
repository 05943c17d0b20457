"""A small accessibility check of what a page really shows: names, headings, landmarks, contrast, sizes, references.

It runs in the page and reads computed styles, so it sees what the reader sees. It covers the failures our own templates can
make; it is no substitute for listening to a page.
"""

from __future__ import annotations

from typing import cast

from playwright.sync_api import Page

#: CSS pixels; WCAG 2.2 asks for 24, our phones' users for a thumb.
TARGET_HEIGHT = 44
TARGET_WIDTH = 24

_CHECK = r"""
([targetHeight, targetWidth, scripts]) => {
  const found = [];
  const say = (what, element) => found.push(what + (element ? ': ' + describe(element) : ''));
  const describe = (e) => (e.outerHTML || '').replace(/\s+/g, ' ').slice(0, 140);
  const text = (e) => (e.textContent || '').replace(/\s+/g, ' ').trim();
  const shown = (e) => {
    for (let one = e; one && one.nodeType === 1; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.display === 'none' || style.visibility === 'hidden') return false;
    }
    return e.getClientRects().length > 0 && e.checkVisibility();  // not behind a closed <details>
  };
  const clipped = (e) => {  // for screen readers only, or waiting outside for the keyboard
    for (let one = e; one && one.nodeType === 1; one = one.parentElement) {
      const box = one.getBoundingClientRect();
      if (getComputedStyle(one).clipPath !== 'none' || box.bottom + scrollY <= 0) return true;
    }
    return false;
  };
  const byIds = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id));
  const nameOf = (e) => {
    const ids = e.getAttribute('aria-labelledby');
    if (ids) return byIds(ids).map((one) => one ? text(one) : '').join(' ').trim();
    return (e.getAttribute('aria-label') || '').trim();
  };

  // the document
  if (document.documentElement.lang !== 'id') say('the language is not id');
  if (!document.title.trim()) say('no title');
  if (!document.querySelector('meta[name=viewport]')) say('no viewport');
  if (/maximum-scale|user-scalable/.test(document.querySelector('meta[name=viewport]').content)) say('zoom is blocked');
  if (document.querySelectorAll('script').length > scripts) say('a script');

  // landmarks
  for (const [selector, many] of [['main', 1], ['body > header', 1], ['body > footer', 1], ['h1', 1]]) {
    const count = document.querySelectorAll(selector).length;
    if (count !== many) say(`${count} of ${selector}`);
  }
  const navs = [...document.querySelectorAll('nav')].map(nameOf);
  if (navs.some((name) => !name) || new Set(navs).size !== navs.length) say('a nav without a name of its own');
  const first = document.querySelector('a[href], button, input, select, summary');
  if (!first || !first.matches('a[href^="#"]') || !document.querySelector(first.getAttribute('href'))) say('no skip link', first);
  for (const section of document.querySelectorAll('main section, main article')) {
    if (!nameOf(section)) say('a section without a heading', section);
  }

  // headings
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) say(`h${own} after h${level}`, heading);
    if (!text(heading)) say('an empty heading', heading);
    level = own;
  }

  // ids and references
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) say(`the id ${id} is used twice`);
  for (const name of ['aria-labelledby', 'aria-describedby', 'for']) {
    for (const e of document.querySelectorAll(`[${name}]`)) {
      if (byIds(e.getAttribute(name)).includes(null)) say(`${name} leads nowhere`, e);
    }
  }

  // names
  for (const e of document.querySelectorAll('a[href], button, summary')) {
    if (!(nameOf(e) || text(e))) say('no name', e);
  }
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (!(e.labels && e.labels.length && text(e.labels[0])) && !nameOf(e)) say('no label', e);
  }
  for (const e of document.querySelectorAll('progress, meter')) if (!nameOf(e)) say('no name', e);
  for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) say('no alt', e);
  for (const e of document.querySelectorAll('svg')) {
    const title = e.querySelector(':scope > title');
    if (e.getAttribute('aria-hidden') === 'true') continue;
    if (e.getAttribute('role') !== 'img' || !(nameOf(e) || (title && text(title)))) say('a picture without words', e);
  }

  // tables and lists
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption || !text(table.caption)) say('a table without a caption', table);
    for (const th of table.querySelectorAll('th')) if (!th.scope) say('a heading cell without scope', th);
    const isTable = getComputedStyle(table).display === 'table' || table.querySelector('[role=cell]');
    if (!isTable) say('a table that loses its roles', table);
  }
  for (const list of document.querySelectorAll('ul, ol')) {
    for (const child of list.children) if (child.tagName !== 'LI') say('not a list item', child);
  }
  for (const list of document.querySelectorAll('dl')) {
    for (const child of list.children) if (!['DIV', 'DT', 'DD'].includes(child.tagName)) say('not a term', child);
  }

  // sizes
  for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')) {
    if (!shown(e) || clipped(e)) continue;
    const inSentence = getComputedStyle(e).display === 'inline' && text(e.parentElement) !== text(e);
    const box = e.getBoundingClientRect();
    if (!inSentence && (box.height < targetHeight - 0.5 || box.width < targetWidth - 0.5)) {
      say(`only ${Math.round(box.width)} x ${Math.round(box.height)}`, e);
    }
  }

  // nothing is wider than the window
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) say(`the page is ${document.documentElement.scrollWidth} wide`);
  for (const e of document.querySelectorAll('body *')) {
    if (shown(e) && !clipped(e) && e.getBoundingClientRect().right > width + 1 && !e.closest('svg')) say('over the edge', e);
    if (shown(e) && !clipped(e) && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible') {
      say('hides what is too wide', e);
    }
  }

  // contrast of every text with what lies behind it
  const parse = (colour) => {
    const parts = colour.match(/[\d.]+/g).map(Number);
    return [parts[0], parts[1], parts[2], parts.length > 3 ? parts[3] : 1];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const behind = (e) => {
    const layers = [];
    for (let one = e; one && one.nodeType === 1; one = one.parentElement) {
      layers.push(parse(getComputedStyle(one).backgroundColor));
      if (layers[layers.length - 1][3] === 1) break;
    }
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    return layers.reverse().reduce((under, top) => over(top, under), dark ? [18, 18, 18, 1] : [255, 255, 255, 1]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !shown(e) || ['TITLE', 'DESC', 'PROGRESS'].includes(e.tagName.toUpperCase())) continue;
    texts += 1;
    const style = getComputedStyle(e);
    const ground = behind(e);
    const colour = over(parse(e.closest('svg') ? style.fill : style.color), ground);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const got = ratio(colour, ground);
    if (got < (large ? 3 : 4.5)) say(`contrast ${got.toFixed(2)}`, e);
  }
  if (!texts) say('no text was seen');

  // what is not text but must be seen: borders of fields, shapes of states
  for (const e of document.querySelectorAll('input:not([type=hidden])')) {
    const got = ratio(parse(getComputedStyle(e).borderTopColor), behind(e.parentElement));
    if (got < 3) say(`border contrast ${got.toFixed(2)}`, e);
  }
  for (const e of document.querySelectorAll('.icon')) {
    if (!shown(e)) continue;
    const got = ratio(parse(getComputedStyle(e).stroke), behind(e.parentElement));
    if (got < 3) say(`icon contrast ${got.toFixed(2)}`, e);
  }
  return found;
}
"""


def problems(page: Page, *, scripts: int = 0) -> list[str]:
    """What is wrong with the page as it is now; each names the element. An empty list is a good page.

    `scripts`: how many the page may load.
    """
    return cast("list[str]", page.evaluate(_CHECK, [TARGET_HEIGHT, TARGET_WIDTH, scripts]))
