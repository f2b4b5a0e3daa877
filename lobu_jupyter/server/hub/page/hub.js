/* Decisions by real clicks only, never within half a second after a card was drawn, with the digest of what was shown. */
(() => {
  'use strict';
  const SETTLE = 500;
  const REFRESH = 4000;
  const base = document.body.dataset.base;
  const main = document.getElementById('main');
  const said = document.getElementById('said');
  const drawn = new WeakMap();
  const chosen = new WeakMap();

  const note = () => {
    const now = performance.now();
    for (const card of main.querySelectorAll('.card, [data-act]')) {
      if (!drawn.has(card)) {
        drawn.set(card, now);
      }
    }
  };

  const say = (text, bad = false) => {
    said.textContent = text;
    said.classList.toggle('error', bad);
  };

  const post = async (path, body) => {
    const reply = await fetch(base + path, {
      method: 'POST',
      credentials: 'same-origin',
      headers: {
        'Content-Type': 'application/json',
        'X-XSRFToken': document.body.dataset.xsrf,
        'X-Lobu-Via': 'page'
      },
      body: JSON.stringify(body)
    });
    const answer = await reply.json().catch(() => ({}));
    if (!reply.ok) {
      throw new Error(answer.error?.message ?? `The service answered ${reply.status}.`);
    }
    return answer;
  };

  const answersOf = question => {
    const answers = {};
    for (const set of question.querySelectorAll('fieldset')) {
      const picked = [...set.querySelectorAll('input:checked')].map(input => input.value);
      const other = set.querySelector('input[type="text"]')?.value ?? '';
      const all = other === '' ? picked : [...picked, other];
      answers[set.dataset.question] = set.dataset.multiple ? all : (all.at(-1) ?? '');
    }
    return answers;
  };

  const payloadOf = (question, button) => {
    const option = button.dataset.option === undefined ? {} : { option: button.dataset.option };
    switch (button.dataset.kind) {
      case 'approve':
        return { approved: true, ...option };
      case 'reject': {
        const reason = question.querySelector('[name="reason"]').value;
        return { approved: false, ...(reason === '' ? {} : { reason }), ...option };
      }
      case 'respond':
        return { response: question.querySelector('[name="response"]').value };
      default:
        return { answers: answersOf(question) };
    }
  };

  const entryOf = question => ({
    interruptId: question.dataset.interrupt,
    status: 'resolved',
    payload: payloadOf(question, chosen.get(question)),
    digest: question.dataset.digest
  });

  const decide = async card => {
    const questions = [...card.querySelectorAll('.question')];
    const resume = questions.map(entryOf);
    for (const button of card.querySelectorAll('button')) {
      button.disabled = true;
    }
    try {
      await post(`lobu/api/threads/${encodeURIComponent(card.dataset.thread)}/resume`, { resume });
      say('Decided.');
    } catch (error) {
      say(error.message, true);
    }
    await refresh(true);
  };

  const press = (card, button) => {
    const question = button.closest('.question');
    chosen.set(question, button);
    const questions = [...card.querySelectorAll('.question')];
    if (questions.length === 1) {
      void decide(card);
      return;
    }
    for (const other of question.querySelectorAll('button')) {
      other.setAttribute('aria-pressed', String(other === button));
    }
    card.querySelector('.submit').disabled = !questions.every(one => chosen.has(one));
  };

  const act = async button => {
    button.disabled = true;
    try {
      await post(button.dataset.act, {});
      say('Your server is starting.');
    } catch (error) {
      say(error.message, true);
      button.disabled = false;
    }
  };

  main.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (button === null || !event.isTrusted) {
      return;
    }
    const card = button.closest('.card') ?? button;
    if (performance.now() - (drawn.get(card) ?? Infinity) < SETTLE) {
      return;
    }
    if (button.dataset.act !== undefined) {
      void act(button);
    } else if (button.classList.contains('submit')) {
      void decide(card);
    } else if (button.dataset.kind !== undefined) {
      press(card, button);
    }
  });

  let last = main.dataset.version;
  const busy = () =>
    [...main.querySelectorAll('input, textarea')].some(
      field => field === document.activeElement || field.checked || (field.type !== 'radio' && field.type !== 'checkbox' && field.value !== field.defaultValue)
    );

  const refresh = async force => {
    if (!force && (document.hidden || busy() || main.querySelector('[aria-pressed="true"]') !== null)) {
      return;
    }
    try {
      const address = new URL(location.href);
      address.searchParams.set('part', 'main');
      const headers = { 'X-XSRFToken': document.body.dataset.xsrf }; // the hub's cookie counts only with it
      const reply = await fetch(address, { credentials: 'same-origin', redirect: 'error', headers });
      const html = await reply.text();
      const version = reply.headers.get('X-Version');
      if (reply.ok && (force || version !== last)) {
        last = version;
        main.innerHTML = html; // of our own server, where each text is escaped; the policy lets no script of it run
        note();
      }
    } catch {
      say('The service does not answer. This page tries again.', true);
    }
  };

  note();
  setInterval(() => void refresh(false), REFRESH);
})();
