/* Keeps ticks on the telephone until the office has them. Without this file the same buttons are plain forms.
   A tick goes into the queue (localStorage, one per village) before anything is sent, leaves it only when the office has
   said yes or no, and carries an id of its own, so that sending it twice is harmless. Old browsers: no newer syntax. */
(function () {
  'use strict';
  var form = document.getElementById('daftar');
  var news = document.getElementById('kabar');
  if (!form || !news || !window.JSON || !window.XMLHttpRequest) return;
  var key = 'petugas:' + form.getAttribute('data-desa');
  var store;
  try {
    store = window.localStorage;
    store.setItem(key + '?', '1');
    store.removeItem(key + '?');
  } catch (e) {
    return; // nothing can be kept here: the forms send themselves
  }
  var WAITS = [3, 5, 10, 20, 40, 60]; // seconds
  var sending = false, failures = 0, timer = null, trouble = '';

  function queue() {
    try {
      var kept = JSON.parse(store.getItem(key) || '[]');
      return kept instanceof Array ? kept : [];
    } catch (e) {
      return [];
    }
  }
  function keep(items) {
    store.setItem(key, JSON.stringify(items));
  }
  function without(id) {
    return queue().filter(function (item) { return item.id !== id; });
  }
  function fresh() {
    var text = '';
    if (window.crypto && crypto.getRandomValues) {
      var numbers = crypto.getRandomValues(new Uint32Array(4));
      for (var i = 0; i < 4; i++) text += ('0000000' + numbers[i].toString(16)).slice(-8);
      return text;
    }
    return (new Date().getTime().toString(16) + Math.random().toString(16).slice(2) + '0000000').slice(0, 32);
  }

  function line(choice) {
    return document.getElementById('k' + choice.split('.')[0]);
  }
  function later_visit(choice) { return /\.not_met$/.test(choice); }
  function for_staff(choice) {
    return (' ' + form.getAttribute('data-kantor') + ' ').indexOf(' ' + choice.split('.')[1] + ' ') >= 0;
  }
  function label(choice) {
    var button = form.querySelector('button[value="' + choice + '"]');
    return button ? button.textContent : '';
  }
  function show(choice, state, extra) {
    var place = line(choice);
    if (!place) return;
    var note = place.querySelector('.note');
    note.className = 'note' + (state ? ' ' + state : '');
    note.textContent = '';
    var word = document.createElement('b');
    word.textContent = (state || later_visit(choice) || for_staff(choice) ? '' : '✓ ') + label(choice);
    note.appendChild(word);
    note.appendChild(document.createTextNode(extra ? ' · ' + extra : ''));
    var say = place.querySelector('.say'); // nobody says it again at that door
    var leave = form.getAttribute('data-henti');
    if (!say.hasAttribute('data-pesan')) say.setAttribute('data-pesan', say.textContent === leave ? '' : say.textContent);
    say.textContent = for_staff(choice) && state !== 'bad' ? leave : say.getAttribute('data-pesan');
    say.hidden = !say.textContent; // a corrected line has its text again when the page is opened anew
    note.hidden = false;
    note.removeAttribute('hidden');
  }
  function count(place, left) { // how many families are not done yet
    var number = document.getElementById('sisa');
    var before = place.getAttribute('data-sisa') ? 1 : 0;
    place.setAttribute('data-sisa', left ? '1' : '');
    if (number) number.textContent = Number(number.textContent) - before + (left ? 1 : 0);
  }
  function tell() {
    var count = queue().length;
    news.className = trouble ? 'bad' : '';
    var text = trouble;
    if (count) text = count + ' catatan belum terkirim; tersimpan di HP ini. ' + (trouble || 'Akan terkirim sendiri saat ada sinyal.');
    if (news.textContent !== text) news.textContent = text;
    if (count && trouble && trouble.indexOf('PIN') >= 0) {
      var link = document.createElement('a');
      link.href = location.pathname + location.search;
      link.textContent = ' Masukkan PIN';
      news.appendChild(link);
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(send, 1000 * WAITS[Math.min(failures, WAITS.length - 1)]);
    failures += 1;
  }
  function send() {
    clearTimeout(timer);
    var item = queue()[0];
    if (sending || !item) { tell(); return; }
    sending = true;
    var call = new XMLHttpRequest();
    call.open('POST', form.getAttribute('action'));
    call.timeout = 20000;
    call.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded');
    call.setRequestHeader('Accept', 'application/json');
    call.onload = function () { sending = false; answered(item, call.status, call.responseText); };
    call.onerror = call.ontimeout = call.onabort = function () { sending = false; tell(); later(); };
    var age = Math.max(0, Math.round((new Date().getTime() - item.at) / 1000)) || 0;
    call.send('c=' + encodeURIComponent(item.c) + '&id=' + encodeURIComponent(item.id) + '&umur=' + age);
  }
  function answered(item, status, text) {
    var refused = '';
    if (status === 403 || status === 400) {
      try { refused = JSON.parse(text).message || ''; } catch (e) { refused = ''; }
    }
    if (status === 204 || refused) {
      keep(without(item.id));
      failures = 0;
      trouble = refused ? 'Catatan ' + label(item.c) + ' tidak disimpan: ' + refused : '';
      var newer = queue().some(function (other) { return other.c.split('.')[0] === item.c.split('.')[0]; });
      if (!newer) show(item.c, refused ? 'bad' : '', refused ? 'tidak disimpan' : 'tersimpan');
      tell();
      send();
      return;
    }
    if (status === 401) trouble = 'Masukkan PIN lagi supaya catatan terkirim.';
    else if (status === 404 || status === 410) trouble = 'Tautan ini sudah tidak berlaku; mintalah tautan baru kepada kantor.';
    else { later(); }
    tell();
  }

  form.addEventListener('click', function (event) {
    var button = event.target;
    while (button && button !== form && button.tagName !== 'BUTTON') button = button.parentNode;
    if (!button || button.tagName !== 'BUTTON' || button.name !== 'c') return;
    var item = { id: fresh(), c: button.value, at: new Date().getTime() };
    try {
      keep(queue().concat([item]));
    } catch (e) {
      return; // the telephone is full: the form sends itself
    }
    event.preventDefault();
    show(item.c, 'wait', 'belum terkirim');
    count(line(item.c), later_visit(item.c));
    var box = line(item.c).querySelector('details');
    var title = box.querySelector('summary');
    title.textContent = 'Ubah catatan';
    box.open = later_visit(item.c);
    title.focus({ preventScroll: true });
    tell();
    send();
  });
  document.getElementById('luring').removeAttribute('hidden');
  document.getElementById('daring').hidden = true;
  window.addEventListener('online', function () { failures = 0; send(); });
  window.addEventListener('pageshow', send);
  document.addEventListener('visibilitychange', function () { if (!document.hidden) send(); });
  queue().forEach(function (item) { show(item.c, 'wait', 'belum terkirim'); });
  send();
})();
