/* Decisions by real clicks only, never within half a second after a card or a form came, with the digest of what was shown. */
(() => {
  'use strict';
  const SETTLE = 500;
  const REFRESH = 4000;
  const base = document.body.dataset.base;
  const main = document.getElementById('main');
  const said = document.getElementById('said');
  const drawn = new WeakMap();
  const chosen = new WeakMap();

  // -- words of times ---------------------------------------------------------------------------

  const span = ms => {
    const minutes = Math.ceil(ms / 60000);
    const [hours, days] = [Math.round(minutes / 60), Math.round(minutes / 1440)];
    if (minutes <= 90) {
      return minutes === 1 ? '1 minute' : `${minutes} minutes`;
    }
    return hours < 48 ? `${hours} hours` : `${days} days`;
  };

  const writeTimes = () => {
    for (const time of main.querySelectorAll('time')) {
      const at = new Date(time.dateTime);
      time.title = at.toLocaleString();
      if (time.dataset.until !== undefined) {
        const left = at - Date.now();
        time.textContent = left <= 0 ? 'now' : `in ${span(left)}`;
      } else {
        time.textContent = at.toLocaleString();
      }
    }
  };

  const settle = () => {
    const now = performance.now();
    for (const part of main.querySelectorAll('.card, .question, [data-act]')) {
      if (!drawn.has(part)) {
        drawn.set(part, now);
      }
    }
    for (const form of main.querySelectorAll('[data-form="answer"]')) {
      validate(form);
    }
    writeTimes();
  };

  const say = (text, bad = false) => {
    said.textContent = text;
    said.classList.toggle('is-bad', bad);
  };

  // -- requests ---------------------------------------------------------------------------------

  const send = async (method, path, body) => {
    let reply;
    try {
      reply = await fetch(base + path, {
        method,
        credentials: 'same-origin',
        headers: {
          'Content-Type': 'application/json',
          'X-XSRFToken': document.body.dataset.xsrf,
          'X-Lobu-Via': 'page'
        },
        body
      });
    } catch {
      throw new Error('The service does not answer. Try again in a moment.');
    }
    const answer = await reply.json().catch(() => ({}));
    if (!reply.ok) {
      throw new Error(answer.error?.message ?? `The service answered ${reply.status}.`);
    }
  };

  // -- what a person chose, as JSON text: no number of the arguments is rounded -------------------

  const text = value => JSON.stringify(value);

  const fieldOf = (form, name) => form.querySelector(`[name="${name}"]`);

  const editedArgs = form => {
    const steps = fieldOf(form, 'steps');
    if (steps !== null) {
      const lines = steps.value.split('\n').map(line => line.trim());
      return text({ steps: lines.filter(Boolean).map(description => ({ description })) });
    }
    const code = fieldOf(form, 'code');
    const rest = fieldOf(form, 'rest')?.value.trim() || '{}';
    if (code === null) {
      return rest;
    }
    const inner = rest.slice(1, -1).trim();
    return `{"code": ${text(code.value)}${inner === '' ? '' : `, ${inner}`}}`;
  };

  const answersOf = form => {
    const answers = {};
    for (const set of form.querySelectorAll('fieldset')) {
      const own = set.querySelector('input[type="text"]')?.value.trim() ?? '';
      const picked = [...set.querySelectorAll('input:checked')].map(input => input.value);
      const all = own === '' ? picked : [...picked, own];
      answers[set.dataset.question] = set.dataset.multiple ? all : (all.at(-1) ?? '');
    }
    return answers;
  };

  /** Why a form cannot be sent, in words, or ''. */
  const problemOf = form => {
    switch (form.dataset.form) {
      case 'respond':
        return fieldOf(form, 'response').value.trim() ? '' : 'Write a reply.';
      case 'answer': {
        const missing = [...form.querySelectorAll('fieldset')].find(
          set => answersOf(form)[set.dataset.question].length === 0
        );
        return missing ? `Answer: ${missing.querySelector('legend').textContent}` : '';
      }
      case 'edit': {
        if (fieldOf(form, 'code')?.value.trim() === '') {
          return 'Write some code.';
        }
        if (fieldOf(form, 'steps')?.value.trim() === '') {
          return 'Must not be empty.';
        }
        const rest = fieldOf(form, 'rest')?.value.trim() || '{}';
        try {
          const value = JSON.parse(rest);
          return typeof value === 'object' && value !== null && !Array.isArray(value) ? '' : 'Must be a JSON object.';
        } catch (error) {
          return `Must be JSON: ${error.message}`;
        }
      }
      default:
        return '';
    }
  };

  const payloadOf = (question, { kind, option, grant }) => {
    const form = question.querySelector(`[data-form="${kind}"]`);
    const more = option === undefined ? {} : { option };
    switch (kind) {
      case 'approve':
        return text({ approved: true, ...more, ...(grant === undefined ? {} : { grant }) });
      case 'reject': {
        const reason = fieldOf(form, 'reason').value.trim();
        return text({ approved: false, ...(reason === '' ? {} : { reason }), ...more });
      }
      case 'respond':
        return text({ response: fieldOf(form, 'response').value });
      case 'edit':
        return `{"approved": true, "editedArgs": ${editedArgs(form)}}`;
      default:
        return text({ answers: answersOf(form) });
    }
  };

  const entryOf = question =>
    `{"interruptId": ${text(question.dataset.interrupt)}, "status": "resolved", "digest": ${text(question.dataset.digest)}, ` +
    `"payload": ${payloadOf(question, chosen.get(question))}}`;

  // -- a card -----------------------------------------------------------------------------------

  const questionsOf = card => [...card.querySelectorAll('.question')];

  const together = card => questionsOf(card).length > 1;

  const show = (element, on) => {
    if (element !== null) {
      element.hidden = !on;
    }
  };

  const complain = (question, words) => {
    const line = question.querySelector('.lobu-problem');
    line.textContent = words;
    line.hidden = words === '';
  };

  /** Draw what is chosen of a question: the buttons, a form, or a word. */
  const draw = question => {
    const choice = chosen.get(question);
    const batch = together(question.closest('.card'));
    const asks = question.querySelector('[data-form="answer"]') !== null;
    for (const form of question.querySelectorAll('form')) {
      const open = choice === undefined ? form.dataset.form === 'answer' : form.dataset.form === choice.kind;
      show(form, open);
      show(form.querySelector('[data-send]'), !batch || (choice === undefined && asks));
    }
    show(question.querySelector('.choices'), choice === undefined);
    const plain = choice?.kind === 'approve';
    const done = question.querySelector('.chosen');
    done.firstElementChild.textContent = plain ? 'Will be approved' : '';
    show(done, plain && batch);
    complain(question, '');
  };

  const drawBatch = card => {
    const submit = card.querySelector('[data-submit]');
    if (submit !== null) {
      submit.disabled = !questionsOf(card).every(one => chosen.has(one));
    }
  };

  const choose = (card, question, choice) => {
    chosen.set(question, choice);
    draw(question);
    drawBatch(card);
    drawn.set(question, performance.now()); // what has just come takes no click that was meant for what stood there
    question.querySelector(`form[data-form="${choice.kind}"] :is(input, textarea)`)?.focus();
  };

  const back = (card, question) => {
    chosen.delete(question);
    draw(question);
    drawBatch(card);
    drawn.set(question, performance.now());
    question.querySelector('.choices button, form:not([hidden]) input')?.focus();
  };

  const decide = async card => {
    const questions = questionsOf(card);
    for (const question of questions) {
      const form = question.querySelector(`[data-form="${chosen.get(question).kind}"]`);
      const problem = form === null ? '' : problemOf(form);
      if (problem !== '') {
        complain(question, problem);
        return;
      }
    }
    const body = `{"resume": [${questions.map(entryOf).join(', ')}]}`;
    const enabled = [...card.querySelectorAll('button:enabled')];
    enabled.forEach(button => (button.disabled = true));
    try {
      await send('POST', `lobu/api/threads/${encodeURIComponent(card.dataset.thread)}/resume`, body);
    } catch (error) {
      say(error.message, true);
      enabled.forEach(button => (button.disabled = false));
      if (questions.some(question => ['edit', 'respond', 'answer'].includes(chosen.get(question).kind))) {
        return; // what was written stays
      }
      await refresh(true);
      return;
    }
    say('Decided.');
    await refresh(true);
    (main.querySelector('.question :is(button, input):enabled') ?? main).focus();
  };

  const press = (card, button) => {
    const question = button.closest('.question');
    const { kind, option, grant } = button.dataset;
    const now = kind === 'approve' && !together(card);
    question.querySelector('details')?.removeAttribute('open');
    if (now) {
      chosen.set(question, { kind, option, grant });
      void decide(card);
    } else {
      choose(card, question, { kind, option, grant });
    }
  };

  /** Send an open form, or count it as decided with the others. */
  const submitForm = (card, form) => {
    const question = form.closest('.question');
    const problem = problemOf(form);
    complain(question, problem);
    if (problem !== '') {
      return;
    }
    const kind = form.dataset.form;
    chosen.set(question, { ...chosen.get(question), kind });
    if (together(card)) {
      draw(question);
      drawBatch(card);
    } else {
      void decide(card);
    }
  };

  const approveAll = card => {
    for (const question of questionsOf(card)) {
      chosen.set(question, { kind: 'approve' });
    }
    void decide(card);
  };

  const validate = form => {
    form.querySelector('[data-send]').disabled = problemOf(form) !== '';
  };

  const act = async button => {
    const { act: path, method = 'POST', body = '{}', first = '', said: words = first } = button.dataset;
    button.disabled = true;
    say(first);
    try {
      await send(method, path, method === 'DELETE' ? undefined : body);
      say(words);
    } catch (error) {
      say(error.message, true);
      button.disabled = false;
      return;
    }
    await refresh(true);
    main.focus();
  };

  const early = part => performance.now() - (drawn.get(part) ?? Infinity) < SETTLE;

  main.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (button === null || !event.isTrusted) {
      return;
    }
    const card = button.closest('.card');
    if (early(button.closest('.question') ?? card ?? button)) {
      return;
    }
    if (button.dataset.act !== undefined) {
      void act(button);
    } else if (card === null) {
      return;
    } else if (button.dataset.submit !== undefined) {
      void decide(card);
    } else if (button.dataset.all !== undefined) {
      approveAll(card);
    } else if (button.dataset.back !== undefined) {
      back(card, button.closest('.question'));
    } else if (button.dataset.send !== undefined) {
      submitForm(card, button.form);
    } else if (button.dataset.kind !== undefined) {
      press(card, button);
    }
  });

  main.addEventListener('submit', event => {
    if (event.target.closest('.card') !== null) {
      event.preventDefault(); // the click on its button has done it
    }
  });

  main.addEventListener('input', event => {
    const set = event.target.closest('fieldset');
    if (set !== null && !set.dataset.multiple && event.target.type === 'text' && event.target.value !== '') {
      set.querySelectorAll('input:checked').forEach(input => (input.checked = false));
    } else if (event.target.type === 'radio') {
      const own = set.querySelector('input[type="text"]');
      own === null || (own.value = '');
    }
    const form = event.target.closest('[data-form="answer"]');
    if (form !== null) {
      validate(form);
    }
  });

  // -- what is new ------------------------------------------------------------------------------

  let last = main.dataset.version;

  const isTouched = field => {
    const pick = field.type === 'radio' || field.type === 'checkbox';
    const written = pick ? field.checked : field.value !== field.defaultValue;
    return field.checkVisibility() && (written || field === document.activeElement);
  };

  const busy = () =>
    [...main.querySelectorAll('input, textarea')].some(isTouched) ||
    [...main.querySelectorAll('.question')].some(question => chosen.has(question)) ||
    main.querySelector('details[open]') !== null;

  const refresh = async force => {
    if (!force && (document.hidden || busy())) {
      return;
    }
    try {
      const address = new URL(location.href);
      address.searchParams.set('part', 'main');
      const headers = { 'X-XSRFToken': document.body.dataset.xsrf }; // the hub's cookie counts only with it
      const reply = await fetch(address, { credentials: 'same-origin', redirect: 'error', headers });
      const html = await reply.text();
      const version = reply.headers.get('X-Version');
      if (version !== null && (force || version !== last) && (force || !busy())) {
        last = version;
        main.innerHTML = html; // of our own server, where each text is escaped; the policy lets no script of it run
        settle();
      }
      if (said.dataset.away !== undefined) {
        delete said.dataset.away;
        say('');
      }
    } catch {
      said.dataset.away = '';
      say('The service does not answer. This page tries again.', true);
    }
  };

  settle();
  setInterval(() => {
    writeTimes();
    void refresh(false);
  }, REFRESH);
})();
