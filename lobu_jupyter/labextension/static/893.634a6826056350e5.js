"use strict";(self.rspackChunklobu_jupyter=self.rspackChunklobu_jupyter||[]).push([[893],{3463(o,e,r){var l=r(1601),a=r.n(l),i=r(6314),t=(r.n(i))()(a());t.push([o.id,`/* At the cell itself: what can be asked about its error, and the box that changes it. */
.jp-Cell > .lobu-inline {
  flex: 0 0 auto;
  gap: 6px;
  padding: 0;
  min-width: 0;
  overflow: visible;
  contain: none;
  margin: 4px 0 4px calc(var(--jp-cell-prompt-width, 64px) + 12px);
  background: none;
}

.jp-Cell > .lobu-error-help {
  display: flex;
  flex-direction: row;
  flex-wrap: wrap;
  gap: 6px;
}

.jp-Cell > .lobu-inline-box {
  border: 1px solid var(--lobu-brand);
  border-radius: 6px;
  background: var(--lobu-surface);
}

.lobu-inline-form {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px;
  padding: 6px;
}

.lobu .lobu-inline-form textarea {
  flex: 1 1 160px;
  box-sizing: border-box;
  min-width: 0;
  min-height: 28px;
  max-height: 120px;
  padding: 4px 6px;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  background: var(--lobu-surface);
  color: var(--lobu-text);
  font: inherit;
  field-sizing: content;
  resize: none;
}

.lobu-inline-said {
  flex: 1 1 160px;
}

/* An output that poses as one of these. */
.jp-RenderedHTMLCommon .lobu-inline,
.jp-RenderedHTMLCommon .lobu-error-help {
  display: none;
}
`,""]),r.d(e,{},{A:t})},3668(o,e,r){var l=r(1601),a=r.n(l),i=r(6314),t=(r.n(i))()(a());t.push([o.id,`/* Colours are JupyterLab's variables; the second value serves where there are none. */
.lobu {
  --lobu-text: var(--jp-ui-font-color1, #212121);
  --lobu-faint: color-mix(
    in srgb,
    var(--jp-ui-font-color2, #5a5a5a) 85%,
    var(--jp-ui-font-color1, #212121)
  ); /* of 4.5 to 1 on a card's grey, too */
  --lobu-surface: var(--jp-layout-color1, #fff);
  --lobu-raised: var(--jp-cell-editor-background, #f2f2f2);
  --lobu-line: var(--jp-border-color1, #bdbdbd);
  --lobu-brand: var(--jp-brand-color1, #1565c0);
  --lobu-good: var(--jp-success-color1, #2e7d32);
  --lobu-warn: var(--jp-warn-color1, #b35900);
  --lobu-bad: var(--jp-error-color1, #c62828);
  --lobu-primary: #1565c0;
  --lobu-on-primary: #fff;
  --lobu-mono: var(--jp-code-font-family, ui-monospace, menlo, consolas, monospace);

  display: flex;
  flex-direction: column;
  gap: 8px;
  padding: 4px 8px 6px;
  box-sizing: border-box;
  max-width: 100%;
  color: var(--lobu-text);
  font-family: var(--jp-content-font-family, system-ui, sans-serif);
  font-size: var(--jp-content-font-size1, 14px);
  line-height: 1.5;
  contain: layout;
}

@media (prefers-color-scheme: dark) {
  body:not([data-jp-theme-name]) .lobu {
    --lobu-text: #e6e6e6;
    --lobu-faint: #ababab;
    --lobu-surface: #1c1c1c;
    --lobu-raised: #2a2a2a;
    --lobu-line: #585858;
    --lobu-brand: #7ab7ff;
    --lobu-good: #81c784;
    --lobu-warn: #ffb74d;
    --lobu-bad: #ff8a80;
  }
}

.lobu *,
.lobu *::before {
  box-sizing: border-box;
}

.lobu p {
  margin: 0;
}

.lobu :focus-visible {
  outline: 2px solid var(--lobu-brand);
  outline-offset: 1px;
}

.lobu-sr {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

/* -- transcript */

.lobu-transcript {
  display: flex;
  flex-direction: column;
  gap: 8px;
  min-width: 0;
}

.lobu-entry {
  min-width: 0;
}

.lobu-entry:empty {
  display: none;
}

.lobu-of-subagent {
  margin-left: 12px;
  padding-left: 10px;
  border-left: 2px solid var(--lobu-line);
}

.lobu-user {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
  width: fit-content;
  max-width: 85%;
  margin-left: auto;
  padding: 6px 12px;
  border-radius: 10px;
  background: var(--lobu-raised);
}

.lobu-markdown,
.lobu-html {
  overflow-wrap: anywhere;
}

.lobu-html {
  overflow: auto;
  max-height: 480px;
  contain: layout paint;
}

.lobu .lobu-block > * {
  margin: 0 0 0.6em;
}

.lobu .lobu-block:last-child > :last-child {
  margin-bottom: 0;
}

.lobu-block ul,
.lobu-block ol {
  padding-left: 1.6em;
}

.lobu-block li > p {
  margin: 0;
}

.lobu-block h1,
.lobu-block h2,
.lobu-block h3,
.lobu-block h4 {
  margin: 0.6em 0 0.3em;
  font-size: 1.1em;
  line-height: 1.3;
}

.lobu-block h1 {
  font-size: 1.3em;
}

.lobu-block h2 {
  font-size: 1.2em;
}

.lobu-block a,
.lobu-html a {
  color: var(--jp-content-link-color, var(--lobu-brand));
}

.lobu-block blockquote {
  padding-left: 10px;
  border-left: 3px solid var(--lobu-line);
  color: var(--lobu-faint);
}

.lobu-block :not(pre) > code {
  padding: 1px 4px;
  border-radius: 3px;
  background: var(--lobu-raised);
  font-family: var(--lobu-mono);
  font-size: 0.92em;
}

/* A formula that is wider than its text scrolls. */
.lobu-scrolls {
  display: inline-block;
  max-width: 100%;
  overflow: auto hidden;
  padding-bottom: 2px;
  vertical-align: bottom;
}

.lobu-scrolls:has(> .lobu-math > mjx-container[display='true']) {
  display: block;
}

.lobu-block img,
.lobu-html img,
.lobu-figure {
  max-width: 100%;
  height: auto;
}

.lobu-figure {
  display: block;
  background: #fff;
}

.lobu .lobu-figure-open {
  display: block;
  max-width: 100%;
  padding: 0;
  border: 0;
  background: none;
  cursor: zoom-in;
}

.lobu-drawn {
  --jp-widgets-inline-width: min(300px, 100%);

  max-width: 100%;
  min-height: 24px;
  overflow: auto;
}

.lobu-drawn .jupyter-widgets {
  max-width: 100%;
}

.lobu-interactive {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  align-items: center;
  margin-top: 6px;
  color: var(--lobu-faint);
  font-size: 0.92em;
}

.lobu-interactive > .lobu-drawn {
  flex-basis: 100%;
}

.lobu.lobu-lightbox {
  max-width: calc(100vw - 32px);
  max-height: calc(100vh - 32px);
  padding: 12px;
  border: 1px solid var(--lobu-line);
  border-radius: 8px;
  background: var(--lobu-surface);
}

.lobu.lobu-lightbox::backdrop {
  background: rgb(0 0 0 / 60%);
}

.lobu-lightbox > img {
  min-width: min(60vw, 640px);
  max-width: 100%;
  max-height: calc(100vh - 110px);
  background: #fff;
  object-fit: contain;
}

/* -- tables: their cells keep their words, and their box scrolls */

.lobu .lobu-table {
  width: fit-content;
  max-width: 100%;
  max-height: 420px;
  margin: 0 0 0.6em;
  overflow: auto;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  overflow-wrap: normal;
}

.lobu .lobu-html .lobu-table:last-child {
  margin-bottom: 0;
}

.lobu table {
  margin: 0;
  border: 0;
  border-spacing: 0;
  border-collapse: separate; /* a sticky head keeps its lines */
  font-size: 0.92em;
  font-variant-numeric: tabular-nums;
  table-layout: auto;
}

.lobu table :is(tr, thead, tbody) {
  background: none;
}

.lobu table :is(th, td) {
  max-width: none;
  padding: 3px 10px;
  border: 0;
  border-bottom: 1px solid color-mix(in srgb, var(--lobu-line) 60%, transparent);
  line-height: 1.4;
  text-align: start;
  vertical-align: top;
  white-space: nowrap;
  overflow-wrap: normal;
  word-break: normal;
}

.lobu table tbody > tr:last-child > :is(th, td) {
  border-bottom: 0;
}

.lobu table :is(th, td).lobu-long {
  min-width: 22ch;
  max-width: 48ch;
  white-space: normal;
  overflow-wrap: anywhere;
}

.lobu table :is(th, td):is(.lobu-number, [align='right']) {
  text-align: right;
}

.lobu table :is(th, td)[align='center'] {
  text-align: center;
}

.lobu table :is(th, td).lobu-on-colour {
  color: #111;
}

.lobu table thead {
  position: sticky;
  top: 0;
  z-index: 2;
}

.lobu table thead :is(th, td) {
  border-bottom-color: var(--lobu-line);
  background: var(--lobu-raised);
  font-weight: 600;
}

.lobu table th.lobu-pinned {
  position: sticky;
  left: 0;
  z-index: 1;
  background: var(--lobu-surface);
}

.lobu table caption {
  padding: 3px 10px;
  color: var(--lobu-faint);
  text-align: start;
}

.lobu p.lobu-table-note {
  margin: 0 0 0.6em;
  color: var(--lobu-faint);
  font-size: 0.9em;
}

.lobu-saved-label {
  margin: 0 0 6px;
  padding: 2px 8px;
  border-left: 3px solid var(--lobu-warn);
  color: var(--lobu-text);
  font-size: 0.92em;
}

.lobu-reasoning,
.lobu-raw,
.lobu-step,
.lobu-notice,
.lobu-answered {
  color: var(--lobu-faint);
  font-size: 0.92em;
}

.lobu-answered {
  margin: 0;
  overflow-wrap: anywhere;
}

.lobu-reasoning > summary,
.lobu-raw > summary {
  cursor: pointer;
  width: fit-content;
}

.lobu-reasoning > .lobu-markdown {
  padding: 4px 0 0 14px;
}

.lobu-warning {
  padding-left: 8px;
  border-left: 3px solid var(--lobu-warn);
  color: var(--lobu-text);
  font-weight: 600;
}

.lobu-error {
  padding: 8px 12px;
  border: 1px solid var(--lobu-bad);
  border-left-width: 4px;
  border-radius: 4px;
}

.lobu-error strong {
  color: var(--lobu-bad);
}

.lobu-error p {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}

.lobu-error-code {
  color: var(--lobu-faint);
  font-family: var(--lobu-mono);
  font-size: 0.85em;
}

/* -- cards */

.lobu-card {
  border: 1px solid var(--lobu-line);
  border-radius: 6px;
  overflow: hidden;
  min-width: 0;
}

.lobu-card.lobu-is-waiting {
  border-color: var(--lobu-brand);
}

.lobu-card-head {
  display: flex;
  align-items: baseline;
  gap: 8px;
  width: 100%;
  padding: 5px 10px;
  border: 0;
  background: transparent;
  color: inherit;
  font: inherit;
  font-size: 0.92em;
  text-align: left;
  cursor: pointer;
}

.lobu-card-head:hover {
  background: var(--lobu-raised);
}

.lobu-card-head:focus-visible {
  outline-offset: -2px;
}

.lobu-card-mark {
  flex: none;
  width: 8px;
  height: 8px;
  border-radius: 50%;
  background: var(--lobu-good);
}

.lobu-is-streaming .lobu-card-mark,
.lobu-is-running .lobu-card-mark {
  background: var(--lobu-brand);
}

.lobu-is-failed .lobu-card-mark {
  background: var(--lobu-bad);
}

/* A person's no is no fault: grey and crossed, never green or red. */
.lobu-is-rejected .lobu-card-mark {
  width: auto;
  height: auto;
  border-radius: 0;
  background: none;
  color: var(--lobu-faint);
  line-height: 1;
}

.lobu-is-rejected .lobu-card-mark::before {
  content: '✕';
}

.lobu-is-rejected .lobu-card-name {
  color: var(--lobu-faint);
  text-decoration: line-through;
}

.lobu-is-waiting .lobu-card-mark {
  border-radius: 1px;
  background: var(--lobu-warn);
}

.lobu-card-name {
  flex: 0 1 auto;
  min-width: 0;
  font-weight: 600;
  overflow-wrap: anywhere;
}

.lobu .lobu-card-title {
  padding: 5px 10px;
  font-size: 0.92em;
}

.lobu-plan {
  margin: 4px 0;
  padding: 0;
  list-style: none;
}

.lobu-plan li {
  padding-inline-start: 1.6em;
  text-indent: -1.6em;
  overflow-wrap: anywhere;
}

.lobu-plan li::before {
  content: '○';
  display: inline-block;
  width: 1.6em;
  text-indent: 0;
}

.lobu-plan .lobu-plan-in_progress {
  font-weight: 600;
}

.lobu-plan .lobu-plan-in_progress::before {
  content: '◐';
}

.lobu-plan .lobu-plan-completed::before {
  content: '✓';
}

.lobu-steps {
  display: block;
  width: 100%;
  min-height: 24px;
  padding: 3px 10px;
  border: 0;
  border-radius: 4px;
  background: transparent;
  color: var(--lobu-faint);
  font: inherit;
  font-size: 0.92em;
  text-align: start;
  cursor: pointer;
}

.lobu-steps::before {
  content: '▸ ';
}

.lobu-steps[aria-expanded='true']::before {
  content: '▾ ';
}

.lobu-steps:hover {
  background: var(--lobu-raised);
}

.lobu-clamped {
  max-height: 8lh;
  overflow: hidden;
}

.lobu-card-what {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  color: var(--lobu-faint);
  font-family: var(--lobu-mono);
  font-size: 0.95em;
}

.lobu-card-standing {
  flex: none;
  margin-left: auto;
  color: var(--lobu-faint);
  font-variant-numeric: tabular-nums;
}

.lobu-card-body:not([hidden]) {
  display: flex;
  flex-direction: column;
}

.lobu-card > .lobu-output,
.lobu-card-body > .lobu-output {
  padding: 6px 10px;
  border-top: 1px solid var(--lobu-line);
  overflow: auto;
}

.lobu .lobu-output:empty {
  display: none;
}

.lobu-output-error > summary {
  color: var(--lobu-bad);
  cursor: pointer;
}

.lobu-note,
.lobu-decided {
  padding: 3px 10px 5px;
  color: var(--lobu-faint);
  font-size: 0.9em;
}

.lobu-note {
  color: var(--lobu-text);
}

.lobu-note::before {
  content: '';
  display: inline-block;
  width: 8px;
  height: 8px;
  margin-right: 6px;
  background: var(--lobu-warn);
}

.lobu pre.lobu-code,
.lobu pre.lobu-terminal {
  margin: 0;
  padding: 8px 10px;
  max-height: 420px;
  overflow: auto;
  color: var(--lobu-text);
  font-family: var(--lobu-mono);
  font-size: var(--jp-code-font-size, 13px);
  line-height: 1.4;
  white-space: pre;
  tab-size: 4;
}

.lobu pre.lobu-code {
  background: var(--lobu-raised);
}

/* What is to be approved is seen whole: nothing hides beyond an edge. */
.lobu .lobu-is-waiting pre.lobu-code {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}

.lobu-code code {
  padding: 0;
  background: none;
  color: inherit;
  font: inherit;
}

.lobu pre.lobu-terminal {
  border-top: 1px solid var(--lobu-line);
  background: transparent;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}

.lobu .lobu-output > pre.lobu-terminal {
  padding: 0;
  border: 0;
}

.lobu-stderr {
  border-left: 3px solid var(--lobu-warn);
}

.lobu-diff > div {
  min-width: fit-content;
}

.lobu-diff-added {
  background: color-mix(in srgb, var(--lobu-good) 18%, transparent);
}

.lobu-diff-removed {
  background: color-mix(in srgb, var(--lobu-bad) 18%, transparent);
}

.lobu-diff mark {
  background: color-mix(in srgb, var(--lobu-bad) 30%, transparent);
  color: inherit;
}

.lobu-diff-added mark {
  background: color-mix(in srgb, var(--lobu-good) 34%, transparent);
}

.lobu-diff-head {
  color: var(--lobu-faint);
}

/* -- what a call is asked to do */

.lobu-escape {
  padding: 0 2px;
  border-radius: 3px;
  background: color-mix(in srgb, var(--lobu-bad) 22%, transparent);
  color: var(--lobu-text);
  font-family: var(--lobu-mono);
  unicode-bidi: isolate;
}

.lobu .lobu-args {
  display: flex;
  flex-direction: column;
  gap: 2px;
  margin: 0;
  padding: 6px 10px;
  max-height: 420px;
  overflow: auto;
}

.lobu-args > div {
  display: flex;
  flex-wrap: wrap;
  column-gap: 8px;
}

.lobu .lobu-args dt {
  color: var(--lobu-faint);
}

.lobu .lobu-args dd {
  margin: 0;
  min-width: 0;
  font-family: var(--lobu-mono);
  font-size: var(--jp-code-font-size, 13px);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}

.lobu .lobu-part-head {
  display: flex;
  gap: 8px;
  margin: 0;
  padding: 4px 10px;
  color: var(--lobu-faint);
  font-size: 0.9em;
}

.lobu .lobu-part > pre.lobu-code {
  max-height: none;
}

.lobu .lobu-folded > pre.lobu-code {
  max-height: calc(12lh + 8px);
  overflow: hidden;
}

.lobu-part > .lobu-unfold {
  width: 100%;
  border-radius: 0;
  text-align: left;
}

.lobu-line {
  display: block;
  position: relative;
  padding-left: calc(var(--lobu-digits) + 1.5ch);
}

.lobu-line::before {
  content: attr(data-line);
  position: absolute;
  left: 0;
  width: var(--lobu-digits);
  color: var(--lobu-faint);
  text-align: right;
}

/* -- decisions */

.lobu-decide,
.lobu-batch {
  display: flex;
  flex-direction: column;
  gap: 6px;
  padding: 8px 10px;
  border-top: 1px solid var(--lobu-line);
}

.lobu-decide:focus-visible {
  outline-offset: -3px;
}

.lobu-decide-expiry {
  color: var(--lobu-faint);
  font-size: 0.9em;
}

.lobu-decide-controls {
  display: flex;
  flex-direction: column;
  gap: 8px;
  min-width: 0;
  margin: 0;
  padding: 0;
  border: 0;
}

.lobu-batch {
  flex-flow: row wrap;
  align-items: center;
  margin: 0;
  border: 1px solid var(--lobu-brand);
  border-radius: 6px;
}

.lobu .lobu-batch-unread {
  flex-basis: 100%;
  color: var(--lobu-text);
  font-size: 0.92em;
}

.lobu-batch > span {
  margin-right: auto;
  font-weight: 600;
}

.lobu-buttons {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
}

.lobu-button {
  min-width: 24px;
  min-height: 24px;
  padding: 3px 12px;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  background: var(--lobu-surface);
  color: var(--lobu-text);
  font: inherit;
  font-size: 0.92em;
  white-space: nowrap;
  cursor: pointer;
}

.lobu-button:hover:not(:disabled) {
  border-color: var(--lobu-brand);
}

.lobu-button:disabled,
fieldset:disabled .lobu-button {
  cursor: default;
  opacity: 0.55;
}

/* A card that has just come takes nothing for half a second: no flicker for that. */
.lobu-decide[aria-busy='true'] .lobu-button:disabled,
.lobu-decide[aria-busy='true'] fieldset:disabled .lobu-button {
  opacity: 1;
}

.lobu-primary {
  border-color: var(--lobu-primary);
  background: var(--lobu-primary);
  color: var(--lobu-on-primary);
  font-weight: 600;
}

.lobu-primary:hover:not(:disabled) {
  filter: brightness(1.08);
}

.lobu-more {
  padding: 3px 8px;
  font-weight: 700;
}

.lobu-menu {
  display: flex;
  flex-direction: column;
  margin-top: 6px;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  background: var(--lobu-surface);
  overflow: hidden;
}

/* What a wide grant gives away stands at the end of its label: it wraps, and is never cut. */
.lobu-menu-item {
  min-height: 28px;
  padding: 4px 10px;
  border: 0;
  background: transparent;
  color: var(--lobu-text);
  font: inherit;
  font-size: 0.92em;
  text-align: start;
  white-space: normal;
  overflow-wrap: anywhere;
  cursor: pointer;
}

.lobu-menu-item:hover,
.lobu-menu-item:focus {
  background: var(--lobu-raised);
}

.lobu-menu-item:focus-visible {
  outline-offset: -2px;
}

.lobu-quiet {
  max-width: 100%;
  height: auto;
  padding: 3px 6px;
  overflow-wrap: anywhere;
  text-align: start;
  white-space: normal;
  border-color: transparent;
  background: transparent;
  color: var(--lobu-faint);
  text-decoration: underline;
  text-underline-offset: 3px;
}

.lobu-field {
  display: flex;
  flex-direction: column;
  gap: 3px;
  font-size: 0.92em;
}

.lobu-input {
  width: 100%;
  padding: 5px 8px;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  background: var(--jp-input-background, var(--lobu-surface));
  color: var(--lobu-text);
  font: inherit;
  resize: vertical;
}

.lobu-input::placeholder {
  color: var(--lobu-faint);
  opacity: 1;
}

.lobu-input-code {
  font-family: var(--lobu-mono);
  font-size: var(--jp-code-font-size, 13px);
  line-height: 1.4;
  tab-size: 4;
}

.lobu-editor {
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  max-height: 420px;
  overflow: auto;
}

.lobu-question {
  margin: 0;
  padding: 4px 0;
  border: 0;
  min-width: 0;
}

.lobu-question legend {
  padding: 0;
  font-weight: 600;
}

.lobu-option {
  display: flex;
  gap: 6px;
  padding: 2px 0;
}

.lobu-asked {
  margin: 0;
  padding: 8px 10px;
}

.lobu-asked dt {
  font-weight: 600;
}

.lobu-asked dd {
  margin: 0 0 4px;
}

.lobu-risks {
  padding-left: 8px;
  border-left: 3px solid var(--lobu-warn);
  overflow-wrap: anywhere;
}

.lobu-problem {
  color: var(--lobu-bad);
  font-size: 0.92em;
  overflow-wrap: anywhere;
}

/* -- composer and status */

.lobu-composer {
  margin: 0;
}

.lobu-composer-row {
  display: flex;
  gap: 6px;
  align-items: flex-end;
}

.lobu-agents {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 8px;
  align-items: baseline;
  margin-top: 4px;
}

.lobu-agents-picker {
  max-width: 16em;
  padding: 1px 2px;
  border: 1px solid transparent;
  border-radius: 4px;
  background: transparent;
  color: var(--lobu-faint);
  font: inherit;
  font-size: 0.92em;
  cursor: pointer;
}

.lobu-agents-picker:hover {
  border-color: var(--lobu-line);
}

.lobu-queued {
  display: flex;
  align-items: baseline;
  gap: 6px;
  color: var(--lobu-faint);
  font-size: 0.92em;
}

.lobu-status {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 10px;
  min-height: 24px;
  color: var(--lobu-faint);
  font-size: 0.9em;
  position: relative;
}

.lobu-standing {
  font-variant-numeric: tabular-nums;
}

.lobu-run-running::before {
  content: '';
  display: inline-block;
  width: 8px;
  height: 8px;
  margin-right: 6px;
  border-radius: 50%;
  background: var(--lobu-brand);
  animation: lobu-pulse 1.4s ease-in-out infinite;
}

@keyframes lobu-pulse {
  50% {
    opacity: 0.25;
  }
}

.lobu-connection {
  padding-left: 8px;
  border-left: 3px solid var(--lobu-warn);
  color: var(--lobu-text);
}

.lobu-status .lobu-problem {
  flex-basis: 100%;
}

.lobu-widget .lobu-transcript {
  max-height: 480px;
  overflow: auto;
}

/* -- what runs without asking */

.lobu-approvals {
  position: relative;
  min-width: 0;
  color: var(--lobu-text);
  font-size: 0.95em;
}

.lobu .lobu-approvals:focus {
  outline: none;
}

.lobu-approvals .lobu-button {
  min-width: 24px;
  min-height: 24px;
}

.lobu-approvals-chip {
  display: inline-flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 2px;
}

.lobu-approvals-chip > :first-child {
  padding: 1px 10px;
  border-color: var(--lobu-warn);
  border-radius: 12px;
}

.lobu ul.lobu-approvals-list {
  max-height: 220px;
  margin: 4px 0 0;
  padding: 2px 8px;
  overflow: auto;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  background: var(--lobu-surface);
  list-style: none;
}

.lobu-approvals-list > li {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 8px;
  padding: 3px 0;
  overflow-wrap: anywhere;
}

.lobu-approvals-list small {
  display: block;
  color: var(--lobu-faint);
}

.lobu-status .lobu-approvals:has(.lobu-approvals-list, .lobu-problem) {
  flex-basis: 100%;
}

/* -- what is restored */
.lobu-restore {
  flex-basis: 100%;
  margin: 4px 0;
  padding: 6px 8px;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
  background: var(--lobu-surface);
  color: var(--lobu-text);
  text-align: start;
}

.lobu .lobu-restore:focus {
  outline: none;
}

.lobu-restore ul {
  max-height: 320px;
  margin: 0;
  padding: 0;
  overflow: auto;
  list-style: none;
}

.lobu-restore li {
  padding: 3px 0;
  overflow-wrap: anywhere;
}

.lobu-restore-buttons {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
}

.lobu-undone ul {
  margin: 0;
  padding-inline-start: 18px;
}

/* -- code and terminal colours */

.lobu .hljs-keyword,
.lobu .hljs-literal {
  color: var(--jp-mirror-editor-keyword-color, #007a33);
}

.lobu .hljs-string {
  color: var(--jp-mirror-editor-string-color, #a31515);
}

.lobu .hljs-number {
  color: var(--jp-mirror-editor-number-color, #08660a);
}

.lobu .hljs-comment {
  color: var(--jp-mirror-editor-comment-color, #3f6b6b);
  font-style: italic;
}

.lobu .hljs-title,
.lobu .hljs-attr {
  color: var(--jp-mirror-editor-def-color, #0b3fd6);
}

.lobu .hljs-built_in {
  color: var(--jp-mirror-editor-builtin-color, #007a33);
}

.lobu .hljs-meta {
  color: var(--jp-mirror-editor-meta-color, #8a2be2);
}

.lobu-ansi-bold {
  font-weight: 700;
}

.lobu-ansi-faint {
  opacity: 0.75;
}

.lobu-ansi-italic {
  font-style: italic;
}

.lobu-ansi-underline {
  text-decoration: underline;
}

.lobu-ansi-inverse {
  background: var(--lobu-text);
  color: var(--lobu-surface);
}

.lobu-ansi-red {
  color: color-mix(in srgb, var(--lobu-bad) 70%, var(--lobu-text));
}

.lobu-ansi-green {
  color: color-mix(in srgb, var(--lobu-good) 70%, var(--lobu-text));
}

.lobu-ansi-yellow {
  color: color-mix(in srgb, var(--lobu-warn) 70%, var(--lobu-text));
}

.lobu-ansi-blue {
  color: color-mix(in srgb, var(--lobu-brand) 70%, var(--lobu-text));
}

.lobu-ansi-magenta {
  color: color-mix(in srgb, #c2185b 70%, var(--lobu-text));
}

.lobu-ansi-cyan {
  color: color-mix(in srgb, #00838f 70%, var(--lobu-text));
}

.lobu-ansi-bg-red {
  background: color-mix(in srgb, var(--lobu-bad) 25%, transparent);
}

.lobu-ansi-bg-green {
  background: color-mix(in srgb, var(--lobu-good) 25%, transparent);
}

.lobu-ansi-bg-yellow {
  background: color-mix(in srgb, var(--lobu-warn) 25%, transparent);
}

.lobu-ansi-bg-blue,
.lobu-ansi-bg-magenta,
.lobu-ansi-bg-cyan {
  background: color-mix(in srgb, var(--lobu-brand) 25%, transparent);
}

@media (prefers-reduced-motion: reduce) {
  .lobu *,
  .lobu *::before {
    animation: none !important;
    scroll-behavior: auto !important;
  }
}

@media (forced-colors: active) {
  .lobu-card-mark,
  .lobu-run-running::before {
    forced-color-adjust: none;
  }

  .lobu-primary {
    border-width: 2px;
  }
}
`,""]),r.d(e,{},{A:t})},1302(o,e,r){var l=r(1601),a=r.n(l),i=r(6314),t=(r.n(i))()(a());t.push([o.id,`/* The model's chip and menu under the message, and the form that adds a model. */
.lobu-models {
  position: relative;
  min-width: 0;
}

.lobu .lobu-model-chip {
  max-width: 220px;
  height: 24px;
}

.lobu .lobu-model-chip[aria-expanded='true'] {
  border-color: var(--lobu-brand);
}

.lobu-model-menu {
  position: absolute;
  z-index: 10;
  bottom: calc(100% + 4px);
  left: 0;
  box-sizing: border-box;
  width: max-content;
  min-width: 220px;
  max-width: min(340px, calc(100vw - 32px));
  max-height: min(420px, 60vh);
  padding: 6px;
  overflow-y: auto;
  border: 1px solid var(--jp-border-color1, var(--lobu-line));
  border-radius: 6px;
  background: var(--lobu-surface);
  box-shadow: 0 4px 16px rgb(0 0 0 / 24%);
}

.lobu .lobu-model-group {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 8px;
  margin: 6px 6px 2px;
  color: var(--lobu-faint);
  font-size: 0.85em;
  font-weight: 600;
}

.lobu .lobu-model-choice {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  gap: 0 8px;
  width: 100%;
  min-height: 24px;
  padding: 3px 8px;
  border: 0;
  border-radius: 4px;
  background: transparent;
  color: var(--lobu-text);
  font: inherit;
  text-align: start;
  cursor: pointer;
}

.lobu .lobu-model-choice:hover,
.lobu .lobu-model-choice:focus-visible {
  background: var(--jp-layout-color2, color-mix(in srgb, var(--lobu-brand) 10%, transparent));
}

.lobu .lobu-model-choice[aria-pressed='true'] {
  background: color-mix(in srgb, var(--lobu-brand) 14%, transparent);
}

.lobu-model-name {
  overflow-wrap: anywhere;
}

.lobu-model-detail {
  color: var(--lobu-faint);
  font-size: 0.92em;
  overflow-wrap: anywhere;
}

.lobu-model-menu summary {
  padding: 4px 8px;
  color: var(--lobu-faint);
  cursor: pointer;
}

.lobu .lobu-model-add {
  min-height: 24px;
  margin: 4px 0;
}

.lobu-model-settings {
  display: grid;
  gap: 6px;
  margin: 6px 2px 2px;
  padding: 6px 8px 8px;
  border: 1px solid var(--lobu-line);
  border-radius: 4px;
}

.lobu-model-settings legend {
  color: var(--lobu-faint);
  font-size: 0.85em;
}

.lobu-model-settings label {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 8px;
}

.lobu .lobu-model-settings input,
.lobu .lobu-model-settings select,
.lobu .lobu-model-form select {
  box-sizing: border-box;
  min-height: 26px;
  padding: 2px 6px;
  border: 1px solid var(--jp-border-color1, var(--lobu-line));
  border-radius: 4px;
  background: var(--lobu-surface);
  color: var(--lobu-text);
  font: inherit;
}

.lobu .lobu-model-settings input,
.lobu .lobu-model-settings select {
  width: 110px;
}

.lobu-setup {
  display: grid;
  justify-items: start;
  gap: 8px;
  margin: 4px 0 12px;
  text-align: start;
}

.lobu-setup > p {
  margin: 0;
}

.lobu-model-form {
  display: grid;
  gap: 8px;
  box-sizing: border-box;
  width: 100%;
  max-width: 460px;
  margin: 6px 0;
  padding: 10px;
  border: 1px solid var(--jp-border-color2, var(--lobu-line));
  border-radius: 6px;
  text-align: start;
}

.lobu-model-form label {
  display: grid;
  gap: 2px;
  color: var(--lobu-faint);
  font-size: 0.92em;
}

.lobu .lobu-model-form .lobu-input {
  box-sizing: border-box;
  width: 100%;
  min-height: 26px;
}

.lobu .lobu-model-form .lobu-input[aria-invalid='true'] {
  border-color: var(--jp-error-color1, #c62828);
}

.lobu-model-form p {
  margin: 0;
}

.lobu-model-outcome:empty {
  display: none;
}

.lobu-model-actions {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
}
`,""]),r.d(e,{},{A:t})},5724(o,e,r){var l=r(1601),a=r.n(l),i=r(6314),t=(r.n(i))()(a());t.push([o.id,`/* The side panel. Colours and type as in lobu.css, which it stands on. */
.lobu-panel {
  --lobu-gap: 8px;

  height: 100%;
  padding: 0;
  gap: 0;
  background: var(--lobu-surface);
  font-family: var(--jp-ui-font-family, system-ui, sans-serif);
  font-size: var(--jp-ui-font-size1, 13px);
  overflow: hidden;
}

.lobu-panel-widget {
  min-width: min(300px, 33vw) !important; /* narrower in a small or zoomed window, */
  max-width: max(40vw, 100vw - 640px) !important; /* and never most of it */
  overflow: hidden !important;
}

.lobu-header {
  display: flex;
  align-items: center;
  gap: 2px;
  flex: none;
  min-height: 32px;
  padding: 0 4px;
  border-bottom: 1px solid var(--jp-border-color2, var(--lobu-line));
}

.lobu-panel > .lobu-approvals:has(.lobu-approvals-chip, .lobu-problem) {
  flex: none;
  padding: 4px 8px;
  border-bottom: 1px solid var(--jp-border-color2, var(--lobu-line));
}

.lobu .lobu-title {
  flex: 1;
  min-width: 0;
  margin: 0 4px;
  overflow: hidden;
  font-size: inherit;
  font-weight: 600;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.lobu .lobu-rename {
  flex: 1;
  min-width: 0;
  padding: 2px 6px;
}

.lobu .lobu-icon-button {
  position: relative;
  display: inline-flex;
  flex: none;
  align-items: center;
  justify-content: center;
  width: 26px;
  height: 26px;
  padding: 0;
  border: 0;
  border-radius: 4px;
  background: transparent;
  color: var(--lobu-faint);
  cursor: pointer;
}

.lobu .lobu-icon-button:hover:not(:disabled) {
  background: var(--jp-layout-color2, var(--lobu-raised));
  color: var(--lobu-text);
}

.lobu .lobu-icon-button[aria-pressed='true'] {
  background: var(--jp-layout-color2, var(--lobu-raised));
}

.lobu-icon-button:disabled {
  opacity: 0.4;
  cursor: default;
}

.lobu-badge {
  position: absolute;
  top: 0;
  right: 0;
  min-width: 14px;
  padding: 0 3px;
  border-radius: 7px;
  background: var(--lobu-badge, #a34d00);
  color: #fff;
  font-size: 10px;
  line-height: 14px;
  text-align: center;
}

.lobu-scroll {
  flex: 1;
  min-height: 0;
  padding: 10px;
  overflow: hidden auto;
  overflow-anchor: none;
}

.lobu-panel .lobu-transcript {
  max-height: none;
  overflow: visible;
  font-size: var(--jp-ui-font-size1, 13px);
}

.lobu-panel .lobu-user {
  border: 1px solid var(--jp-border-color2, var(--lobu-line));
  background: var(--jp-layout-color2, var(--lobu-raised));
}

.lobu-panel > .lobu-status {
  flex: none;
  padding: 2px 10px;
}

.lobu-panel > .lobu-status:not(:has(.lobu-button, .lobu-connection, .lobu-problem)) {
  min-height: 18px;
}

.lobu-empty {
  padding: 12px 10px;
  color: var(--lobu-faint);
}

.lobu-latest {
  position: relative;
  flex: none;
  height: 0;
  text-align: center;
}

.lobu .lobu-latest .lobu-button {
  position: absolute;
  bottom: 4px;
  left: 50%;
  display: inline-flex;
  gap: 4px;
  align-items: center;
  transform: translateX(-50%);
  border-radius: 14px;
  background: var(--lobu-surface);
  box-shadow: var(--jp-elevation-z4, 0 2px 6px rgb(0 0 0 / 25%));
  white-space: nowrap;
}

/* -- threads */

.lobu-threads,
.lobu-inbox {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-height: 0;
  overflow: hidden auto;
}

.lobu-search {
  position: sticky;
  top: 0;
  z-index: 1;
  display: flex;
  align-items: center;
  gap: 8px;
  padding: 8px;
  background: var(--lobu-surface);
}

.lobu-search .lobu-input {
  flex: 1;
  min-width: 0;
}

.lobu-check {
  display: flex;
  align-items: center;
  gap: 4px;
  color: var(--lobu-faint);
}

.lobu-check input {
  margin: 0;
}

.lobu .lobu-thread-list,
.lobu .lobu-queue,
.lobu .lobu-ideas {
  margin: 0;
  padding: 0;
  list-style: none;
}

.lobu-thread {
  display: flex;
  align-items: center;
  padding-right: 4px;
}

.lobu-thread:hover,
.lobu-thread:focus-within {
  background: var(--jp-layout-color2, var(--lobu-raised));
}

.lobu-thread:has([aria-current='true']) {
  background: color-mix(in srgb, var(--lobu-brand) 14%, transparent);
}

.lobu-thread-open {
  display: grid;
  flex: 1;
  grid-template-columns: 8px 1fr;
  gap: 0 8px;
  align-items: center;
  min-width: 0;
  padding: 6px 4px 6px 10px;
  border: 0;
  background: transparent;
  color: inherit;
  font: inherit;
  text-align: left;
  cursor: pointer;
}

.lobu-thread-open:focus-visible {
  outline-offset: -2px;
}

.lobu-thread-title,
.lobu-thread-more {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.lobu-thread-more {
  grid-column: 2;
  color: var(--lobu-faint);
  font-size: 0.9em;
}

.lobu-thread-mark {
  width: 8px;
  height: 8px;
  border-radius: 50%;
}

.lobu-thread-unread .lobu-thread-mark {
  background: var(--lobu-brand);
}

.lobu-thread-unread .lobu-thread-title {
  font-weight: 600;
}

.lobu-thread-waiting .lobu-thread-mark {
  border-radius: 1px;
  background: var(--lobu-warn);
}

.lobu-thread-running .lobu-thread-mark {
  background: var(--lobu-brand);
  animation: lobu-pulse 1.4s ease-in-out infinite;
}

.lobu-undo {
  display: flex;
  flex: none;
  align-items: center;
  gap: 8px;
  padding: 6px 10px;
  border-top: 1px solid var(--jp-border-color2, var(--lobu-line));
}

.lobu-undo-text {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

/* -- inbox */

.lobu-inbox-thread {
  display: flex;
  flex-direction: column;
  gap: 6px;
  padding: 8px 10px;
  border-bottom: 1px solid var(--jp-border-color2, var(--lobu-line));
}

.lobu-inbox-head {
  display: flex;
  gap: 8px;
  align-items: baseline;
  min-width: 0;
}

.lobu-link {
  overflow: hidden;
  padding: 0;
  border: 0;
  background: transparent;
  color: var(--lobu-faint);
  font: inherit;
  text-align: left;
  text-overflow: ellipsis;
  white-space: nowrap;
  cursor: pointer;
}

.lobu-link:first-child {
  flex: 1;
  color: var(--lobu-text);
  font-weight: 600;
}

.lobu-link:hover {
  text-decoration: underline;
}

/* -- welcome and composer */

.lobu-welcome {
  display: flex;
  flex-direction: column;
  gap: 8px;
}

/* At the bottom; where there is no room, all of it can be scrolled to (justify-content would cut its top). */
.lobu-welcome > :first-child {
  margin-top: auto;
}

[data-jp-item-name='lobu-open'] .jp-ToolbarButtonComponent-label {
  margin-inline-start: 4px;
}

.lobu-welcome-lead {
  color: var(--lobu-faint);
}

.lobu .lobu-ideas {
  display: flex;
  flex-flow: row wrap;
  gap: 4px;
}

.lobu-panel-composer {
  flex: none;
  padding: 4px 8px 8px;
}

.lobu-box {
  display: flex;
  flex-direction: column;
  border: 1px solid var(--lobu-line);
  border-radius: 8px;
  background: var(--lobu-surface);
}

.lobu-box:focus-within {
  border-color: var(--lobu-brand);
  box-shadow: 0 0 0 1px var(--lobu-brand);
}

.lobu-message-input {
  width: 100%;
  min-height: 34px;
  padding: 7px 10px 3px;
  border: 0;
  background: transparent;
  color: inherit;
  font: inherit;
  resize: none;
}

.lobu .lobu-message-input:focus,
.lobu .lobu-message-input:focus-visible {
  outline: none;
}

.lobu-message-input::placeholder {
  color: var(--lobu-faint);
  opacity: 1;
}

.lobu-box-row {
  display: flex;
  align-items: center;
  gap: 4px;
  min-width: 0;
  padding: 0 4px 4px;
}

.lobu-grow {
  flex: 1;
}

.lobu-hint {
  color: var(--lobu-faint);
  font-size: 0.9em;
}

.lobu-panel .lobu-queue {
  display: flex;
  flex-direction: column;
  padding: 0 4px 4px;
}

.lobu-panel .lobu-queued {
  align-items: center;
}

.lobu-queued-text {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.lobu-pickers {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 6px;
  padding: 4px 2px 0;
}

.lobu .lobu-picker.lobu-picker-wide {
  max-width: 200px;
}

.lobu .lobu-picker {
  min-height: 24px;
  max-width: 120px;
  padding: 1px 2px;
  border: 1px solid transparent;
  border-radius: 4px;
  background: var(--lobu-surface);
  color: var(--lobu-faint);
  font: inherit;
  font-size: 0.92em;
  text-overflow: ellipsis;
  cursor: pointer;
}

.lobu .lobu-picker:hover {
  border-color: var(--lobu-line);
  color: var(--lobu-text);
}

.lobu .lobu-agent-hint {
  flex-basis: 100%;
  color: var(--lobu-text);
  overflow-wrap: anywhere;
}

.lobu .lobu-chip {
  display: inline-flex;
  align-items: center;
  gap: 4px;
  min-width: 0;
  max-width: 180px;
  height: 24px;
  padding: 0 8px 0 5px;
  border: 1px solid var(--jp-border-color2, var(--lobu-line));
  border-radius: 11px;
  background: transparent;
  color: var(--lobu-faint);
  font: inherit;
  font-size: 0.92em;
}

button.lobu-chip {
  cursor: pointer;
}

.lobu .lobu-chip[aria-pressed='true'] {
  background: color-mix(in srgb, var(--lobu-brand) 14%, transparent);
  color: var(--lobu-text);
}

.lobu .lobu-chip[aria-pressed='false'] .lobu-chip-text {
  text-decoration: line-through;
}

.lobu .lobu-chip .lobu-icon {
  flex: none;
  width: 12px;
  height: 12px;
}

.lobu .lobu-chip .lobu-icon-button {
  width: 24px;
  height: 24px;
}

.lobu-chip-text {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.lobu .lobu-sent {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  justify-content: flex-end;
  margin: 4px 0 0;
  padding: 0;
  list-style: none;
}

.lobu-sent .lobu-thumb {
  width: 32px;
  height: 32px;
  border-radius: 4px;
}

.lobu-thumb {
  width: 18px;
  height: 18px;
  object-fit: cover;
}

.lobu .lobu-attached {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  margin: 0;
  padding: 6px 6px 0;
  list-style: none;
}

.lobu .lobu-suggestions {
  max-height: 260px;
  margin: 0 0 4px;
  padding: 4px 0;
  overflow: hidden auto;
  border: 1px solid var(--lobu-line);
  border-radius: 6px;
  list-style: none;
  background: var(--lobu-surface);
  box-shadow: var(--jp-elevation-z4, 0 2px 6px rgb(0 0 0 / 25%));
}

.lobu-suggestion {
  display: flex;
  gap: 10px;
  justify-content: space-between;
  padding: 3px 10px;
  cursor: pointer;
}

.lobu-suggestion[aria-selected='true'],
.lobu-suggestion:hover {
  background: color-mix(in srgb, var(--lobu-brand) 16%, transparent);
}

.lobu-suggestion-text {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.lobu-suggestion-detail {
  flex: none;
  max-width: 50%;
  overflow: hidden;
  color: var(--lobu-faint);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.lobu-rewriting {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  align-items: baseline;
  padding: 0 4px 4px;
  color: var(--lobu-faint);
}

.lobu-extras {
  display: flex;
  gap: 4px;
  align-items: center;
  min-height: 22px;
  color: var(--lobu-faint);
  font-size: 0.92em;
  opacity: 0;
}

.lobu-extras-user {
  justify-content: flex-end;
}

.lobu-extras:has(.lobu-restore, .lobu-problem) {
  flex-wrap: wrap;
}

.lobu-entry:hover .lobu-extras,
.lobu-extras:has(.lobu-restore, .lobu-problem),
.lobu-extras:focus-within {
  opacity: 1;
}

.lobu .lobu-extras .lobu-button,
.lobu .lobu-code-tools .lobu-button {
  min-height: 24px;
  padding: 0 4px;
}

.lobu .lobu-block > pre:has(+ .lobu-code-tools) {
  margin-bottom: 2px;
}

.lobu .lobu-block > .lobu-code-tools {
  display: flex;
  flex-wrap: wrap;
  gap: 2px 6px;
  align-items: center;
  color: var(--lobu-faint);
  font-size: 0.92em;
}

.lobu-usage {
  display: flex;
  flex: none;
  flex-wrap: wrap;
  gap: 2px 8px;
  align-items: center;
  padding: 0 10px 6px;
  color: var(--lobu-faint);
  font-size: 0.9em;
  font-variant-numeric: tabular-nums;
}

.lobu-usage > span {
  white-space: nowrap;
}

.lobu-gauge {
  display: flex;
  gap: 4px;
  align-items: center;
}

.lobu-gauge meter {
  width: 48px;
  height: 8px;
}

.lobu-budget {
  flex: none;
  padding: 0 10px 6px;
  color: var(--lobu-faint);
  font-size: 0.9em;
  font-variant-numeric: tabular-nums;
}

.lobu-budget summary {
  width: fit-content;
  min-height: 24px;
  line-height: 24px;
  margin-left: auto;
  cursor: pointer;
}

.lobu-budget summary .lobu-gauge {
  pointer-events: none;
}

.lobu-limits {
  max-height: 40vh;
  margin-top: 6px;
  overflow: auto;
}

.lobu-limits ul {
  margin: 0 0 6px;
  padding: 0;
  list-style: none;
}

.lobu-limits li {
  display: flex;
  flex-wrap: wrap;
  gap: 0 8px;
  justify-content: space-between;
}

.lobu-limits table {
  width: 100%;
  margin-bottom: 6px;
  border-collapse: collapse;
}

.lobu-limits caption,
.lobu-limits th {
  padding: 2px 6px 2px 0;
  font-weight: normal;
  text-align: left;
}

.lobu-limits input {
  box-sizing: border-box;
  width: 100%;
  min-width: 40px;
}

.lobu-tour {
  display: flex;
  flex: none;
  flex-direction: column;
  gap: 6px;
  margin: 4px 8px;
  padding: 8px 10px;
  border: 1px solid var(--lobu-brand);
  border-radius: 8px;
}

.lobu .lobu-tour-title {
  display: flex;
  justify-content: space-between;
}

.lobu-thread:has([aria-current='true']) .lobu-thread-more,
.lobu-suggestion[aria-selected='true'] .lobu-suggestion-detail,
.lobu-suggestion:hover .lobu-suggestion-detail {
  color: var(--lobu-text);
}

/* -- outside of the panel */

.jp-SideBar .lm-TabBar-tab[data-lobu-waiting] {
  position: relative;
}

.jp-SideBar .lm-TabBar-tab[data-lobu-waiting]::after {
  content: attr(data-lobu-waiting);
  position: absolute;
  inset: 6px 3px auto auto;
  left: auto !important;
  width: max-content !important;
  min-width: 14px;
  height: 14px;
  padding: 0 3px;
  border: 0;
  border-radius: 7px;
  background: #a34d00;
  color: #fff;
  font-size: 10px;
  line-height: 14px;
  text-align: center;
}

.lobu-status-item {
  height: 100%;
  padding: 0 6px;
  border: 0;
  background: transparent;
  color: inherit;
  font: inherit;
  font-size: var(--jp-ui-font-size1, 13px);
  cursor: pointer;
}

.lobu-status-item:hover {
  background: var(--jp-layout-color3, #ccc);
}

.lobu-panel > .lobu-batch {
  margin: 0 10px;
}

.lobu-plan-head {
  flex: none;
  padding: 0 8px 4px;
  border-bottom: 1px solid var(--jp-border-color2);
}

.lobu-plan-head .lobu-plan {
  max-height: 30vh;
  overflow-y: auto;
}

.lobu-plan-head progress {
  display: block;
  width: 100%;
  height: 4px;
  accent-color: var(--jp-brand-color1);
}

.lobu-plan-line {
  display: flex;
  gap: 8px;
  align-items: baseline;
  width: 100%;
  padding: 4px 0;
  border: 0;
  background: none;
  color: inherit;
  font: inherit;
  text-align: start;
  cursor: pointer;
}

.lobu-plan-count {
  flex: none;
  color: var(--jp-ui-font-color2);
}

.lobu-plan-now {
  flex: 1 1 0;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.lobu-permissions {
  flex: 1 1 0;
  overflow-y: auto;
  padding: 0 8px 16px;
}

.lobu-permissions-part {
  padding: 8px 0;
  border-bottom: 1px solid var(--jp-border-color2);
}

.lobu-permissions-part h3 {
  margin: 0 0 4px;
  font-size: var(--jp-ui-font-size1);
  overflow-wrap: anywhere;
}

.lobu-permissions-part ul {
  margin: 0;
  padding: 0;
  list-style: none;
}

.lobu-permissions-part li {
  display: flex;
  gap: 8px;
  align-items: center;
  padding: 3px 0;
}

.lobu-permissions-part .lobu-empty {
  margin: 0;
  padding: 4px 0;
  text-align: start;
}

.lobu-permissions-what {
  flex: 1 1 0;
  min-width: 0;
  overflow-wrap: anywhere;
}

.lobu-permissions-what small,
.lobu-permissions-path {
  display: block;
  margin: 0;
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  overflow-wrap: anywhere;
}

.lobu-permissions-mode,
.lobu-permissions-add {
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  align-items: center;
  margin: 4px 0;
}

.lobu-permissions-add .lobu-picker {
  max-width: 9em;
}

.lobu-permissions-add .lobu-input {
  flex: 1 1 5em;
  width: auto;
  min-width: 0;
}

.lobu-permissions-state {
  flex: none;
  padding: 0 6px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 8px;
  font-size: var(--jp-ui-font-size0);
}

.lobu-permissions-state.lobu-is-blocked,
.lobu-permissions-state.lobu-is-not-installed {
  border-color: var(--jp-warn-color1);
}
`,""]),r.d(e,{},{A:t})},3816(o,e,r){var l=r(1601),a=r.n(l),i=r(6314),t=(r.n(i))()(a());t.push([o.id,`/* Proposed changes, shown in the cells of the notebook itself. Colours and type as in lobu.css. */
.jp-Cell.lobu-reviewed .jp-InputArea > :not(.jp-InputArea-prompt, .lobu-review) {
  display: none;
}

.lobu-review {
  flex: 1 1 auto;
  gap: 0;
  padding: 0;
  min-width: 0;
  contain: none;
  overflow: hidden;
  border: 1px solid var(--lobu-brand);
  border-radius: 6px;
  background: var(--lobu-surface);
}

.jp-Cell:not(.lobu-reviewed) .jp-InputArea:has(> .lobu-review) {
  flex-wrap: wrap;
}

.jp-Cell:not(.lobu-reviewed) .jp-InputArea > .lobu-review {
  flex-basis: calc(100% - var(--jp-cell-prompt-width, 64px));
  margin: 6px 0 6px var(--jp-cell-prompt-width, 64px);
}

.jp-Cell > .lobu-review {
  margin: 6px 0 6px calc(var(--jp-cell-prompt-width, 64px) + 12px);
}

.lobu-review .lobu-review-head {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px;
  padding: 4px 8px;
}

.lobu-review-title {
  margin-right: auto;
  font-weight: 600;
}

.lobu-review .lobu-review-note {
  color: var(--lobu-faint);
}

.lobu-review > div > p {
  margin: 0;
  padding: 2px 8px;
}

.lobu-review[aria-busy='true'] .lobu-button {
  pointer-events: none;
}

.lobu-review-text .cm-editor {
  border-top: 1px solid var(--lobu-line);
}

.lobu-review-text .cm-deletedChunk {
  position: relative;
  padding-left: 4px;
}

.lobu-review-text .cm-deletedChunk .cm-chunkButtons {
  display: flex;
  gap: 4px;
  z-index: 2;
}

.lobu-review[data-tool='insert_cell'] .cm-deletedChunk {
  display: none; /* the one line of no text */
}

.lobu-review-text .cm-merge-b .cm-deletedChunk .cm-chunkButtons .lobu-hunk {
  margin: 0;
  padding: 0 6px;
  border: 1px solid var(--lobu-line);
  background: var(--lobu-surface);
  color: var(--lobu-text);
  font-family: var(--jp-ui-font-family, system-ui, sans-serif);
  font-size: 11px;
  line-height: 1.5;
}

.lobu-review-text .cm-deletedLine del {
  text-decoration: none;
}

.lobu-review-text .cm-merge-b .cm-deletedChunk,
.lobu-review-text .cm-merge-b .cm-deletedLine {
  background: color-mix(in srgb, var(--lobu-bad) 14%, transparent);
}

.lobu-review-text .cm-merge-b .cm-changedLine,
.lobu-review-text .cm-merge-b .cm-insertedLine {
  background: color-mix(in srgb, var(--lobu-good) 14%, transparent);
}

.lobu-review-text .cm-merge-b .cm-deletedText,
.lobu-review-text .cm-merge-b .cm-deletedLine .cm-deletedText {
  border-radius: 2px;
  background: color-mix(in srgb, var(--lobu-bad) 34%, transparent);
}

.lobu-review-text .cm-merge-b .cm-changedText,
.lobu-review-text .cm-merge-b .cm-insertedText {
  border-radius: 2px;
  background: color-mix(in srgb, var(--lobu-good) 34%, transparent);
}

.lobu-review-bar {
  padding: 0;
  min-height: 34px;
  max-width: none; /* Lumino would read 100% as pixels */
  border-bottom: 1px solid var(--lobu-line);
  background: var(--lobu-surface);
}

.lobu-review-row {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px;
  padding: 4px 12px;
}

.lobu-review-row > strong {
  margin-right: 8px;
}

.lobu .lobu-to-cell {
  align-self: flex-start;
}
`,""]),r.d(e,{},{A:t})},6314(o){o.exports=function(o){var e=[];return e.toString=function(){return this.map(function(e){var r="",l=void 0!==e[5];return e[4]&&(r+="@supports (".concat(e[4],") {")),e[2]&&(r+="@media ".concat(e[2]," {")),l&&(r+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),r+=o(e),l&&(r+="}"),e[2]&&(r+="}"),e[4]&&(r+="}"),r}).join("")},e.i=function(o,r,l,a,i){"string"==typeof o&&(o=[[null,o,void 0]]);var t={};if(l)for(var n=0;n<this.length;n++){var u=this[n][0];null!=u&&(t[u]=!0)}for(var b=0;b<o.length;b++){var p=[].concat(o[b]);l&&t[p[0]]||(void 0!==i&&(void 0===p[5]||(p[1]="@layer".concat(p[5].length>0?" ".concat(p[5]):""," {").concat(p[1],"}")),p[5]=i),r&&(p[2]&&(p[1]="@media ".concat(p[2]," {").concat(p[1],"}")),p[2]=r),a&&(p[4]?(p[1]="@supports (".concat(p[4],") {").concat(p[1],"}"),p[4]=a):p[4]="".concat(a)),e.push(p))}},e}},1601(o){o.exports=function(o){return o[1]}},5072(o){var e=[];function r(o){for(var r=-1,l=0;l<e.length;l++)if(e[l].identifier===o){r=l;break}return r}function l(o,l){for(var a={},i=[],t=0;t<o.length;t++){var n=o[t],u=l.base?n[0]+l.base:n[0],b=a[u]||0,p="".concat(u," ").concat(b);a[u]=b+1;var d=r(p),s={css:n[1],media:n[2],sourceMap:n[3],supports:n[4],layer:n[5]};if(-1!==d)e[d].references++,e[d].updater(s);else{var c=function(o,e){var r=e.domAPI(e);return r.update(o),function(e){e?(e.css!==o.css||e.media!==o.media||e.sourceMap!==o.sourceMap||e.supports!==o.supports||e.layer!==o.layer)&&r.update(o=e):r.remove()}}(s,l);l.byIndex=t,e.splice(t,0,{identifier:p,updater:c,references:1})}i.push(p)}return i}o.exports=function(o,a){var i=l(o=o||[],a=a||{});return function(o){o=o||[];for(var t=0;t<i.length;t++){var n=r(i[t]);e[n].references--}for(var u=l(o,a),b=0;b<i.length;b++){var p=r(i[b]);0===e[p].references&&(e[p].updater(),e.splice(p,1))}i=u}}},7659(o){var e={};o.exports=function(o,r){var l=function(o){if(void 0===e[o]){var r=document.querySelector(o);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(o){r=null}e[o]=r}return e[o]}(o);if(!l)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");l.appendChild(r)}},540(o){o.exports=function(o){var e=document.createElement("style");return o.setAttributes(e,o.attributes),o.insert(e,o.options),e}},5056(o,e,r){o.exports=function(o){var e=r.nc;e&&o.setAttribute("nonce",e)}},7825(o){o.exports=function(o){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=o.insertStyleElement(o);return{update:function(r){var l,a,i;l="",r.supports&&(l+="@supports (".concat(r.supports,") {")),r.media&&(l+="@media ".concat(r.media," {")),(a=void 0!==r.layer)&&(l+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),l+=r.css,a&&(l+="}"),r.media&&(l+="}"),r.supports&&(l+="}"),(i=r.sourceMap)&&"u">typeof btoa&&(l+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(i))))," */")),o.styleTagTransform(l,e,o.options)},remove:function(){var o;null===(o=e).parentNode||o.parentNode.removeChild(o)}}}},1113(o){o.exports=function(o,e){if(e.styleSheet)e.styleSheet.cssText=o;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(o))}}},9396(o,e,r){var l=r(5072),a=r.n(l),i=r(7825),t=r.n(i),n=r(7659),u=r.n(n),b=r(5056),p=r.n(b),d=r(540),s=r.n(d),c=r(1113),x=r.n(c),g=r(3668),m={};m.styleTagTransform=x(),m.setAttributes=p(),m.insert=u().bind(null,"head"),m.domAPI=t(),m.insertStyleElement=s(),a()(g.A,m),g.A&&g.A.locals&&g.A.locals;var f=r(5724),h={};h.styleTagTransform=x(),h.setAttributes=p(),h.insert=u().bind(null,"head"),h.domAPI=t(),h.insertStyleElement=s(),a()(f.A,h),f.A&&f.A.locals&&f.A.locals;var v=r(1302),w={};w.styleTagTransform=x(),w.setAttributes=p(),w.insert=u().bind(null,"head"),w.domAPI=t(),w.insertStyleElement=s(),a()(v.A,w),v.A&&v.A.locals&&v.A.locals;var y=r(3816),k={};k.styleTagTransform=x(),k.setAttributes=p(),k.insert=u().bind(null,"head"),k.domAPI=t(),k.insertStyleElement=s(),a()(y.A,k),y.A&&y.A.locals&&y.A.locals;var j=r(3463),z={};z.styleTagTransform=x(),z.setAttributes=p(),z.insert=u().bind(null,"head"),z.domAPI=t(),z.insertStyleElement=s(),a()(j.A,z),j.A&&j.A.locals&&j.A.locals}}]);