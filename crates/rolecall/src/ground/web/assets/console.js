// Makes the console nicer; every page works without it.
'use strict';

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => within.querySelectorAll(selector);

// "/" goes to the search above the list.
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') return closeAll(event);
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const search = $('input[type=search]');
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// Menus close on Escape and on a click elsewhere.
function closeAll(event) {
  for (const open of $$('details[open]:is(.menu, .why, .org)')) {
    if (event.type === 'click' && open.contains(event.target)) continue;
    if (event.type === 'keydown' && open.contains(document.activeElement)) $('summary', open).focus();
    open.open = false;
  }
}
document.addEventListener('click', closeAll);

// Copy buttons: without this script the text is selected by hand.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('.copy');
  if (!button) return;
  const source = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(source.textContent);
    const label = $('span', button);
    label.textContent = 'Copied';
    setTimeout(() => { label.textContent = 'Copy'; }, 1600);
  } catch {
    getSelection().selectAllChildren(source);
  }
});

// Puts the new version of a part of the page into its place.
function replace(page, id) {
  const fresh = page.getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old) return false;
  old.replaceWith(document.adoptNode(fresh));
  enhance(fresh);
  return true;
}
const read = async (answer) => new DOMParser().parseFromString(await answer.text(), 'text/html');

// The eye: shows the password in its row, without leaving the page; and hides it after a minute.
document.addEventListener('submit', async (event) => {
  const row = event.submitter?.dataset.row;
  if (!row) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  const answer = await fetch(event.submitter.formAction, { method: 'POST', body });
  if (!answer.ok || !replace(await read(answer), row)) return location.reload();
  $('.secret a', document.getElementById(row))?.focus();
  setTimeout(() => hide(row), 60000);
});
async function hide(row) {
  const answer = await fetch(location.href);
  replace(await read(answer), row);
}
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-hide]');
  if (!link) return;
  event.preventDefault();
  hide(link.dataset.hide);
});

// A page that shows work in progress looks again until it is done.
async function watch() {
  const main = $('main[data-watch]');
  if (!main) return;
  setTimeout(async () => {
    try {
      const answer = await fetch(location.href);
      if (answer.redirected) return location.assign(answer.url);
      replace(await read(answer), 'main');
    } catch { /* The server may be restarting; look again. */ }
    watch();
  }, 1000);
}
watch();

function enhance(within) {
  for (const button of $$('.copy[hidden], .peek[hidden]', within)) button.hidden = false;
  // A button that deletes waits until the name is typed.
  for (const input of $$('input[data-type]', within)) {
    const button = $('.danger.primary', input.form);
    const check = () => { button.disabled = input.value !== input.dataset.type; };
    input.addEventListener('input', check);
    check();
  }
}

// The eye in a password field.
document.addEventListener('click', (event) => {
  const peek = event.target.closest('.peek');
  if (!peek) return;
  const input = peek.previousElementSibling;
  const shown = input.type === 'text';
  input.type = shown ? 'password' : 'text';
  peek.setAttribute('aria-pressed', String(!shown));
  peek.firstElementChild.className = `ico ${shown ? 'i-eye' : 'i-eye-off'}`;
});

enhance(document);
