"use strict";(self.rspackChunklobu_jupyter=self.rspackChunklobu_jupyter||[]).push([[480],{668(o,r,e){var a=e(601),l=e.n(a),n=e(314),t=(e.n(n))()(l());t.push([o.id,`/* Colours are JupyterLab's variables; the second value serves where there are none. */
.lobu {
  --lobu-text: var(--jp-ui-font-color1, #212121);
  --lobu-faint: var(--jp-ui-font-color2, #5a5a5a);
  --lobu-surface: var(--jp-layout-color1, #fff);
  --lobu-raised: var(--jp-cell-editor-background, #f2f2f2);
  --lobu-line: var(--jp-border-color1, #bdbdbd);
  --lobu-brand: var(--jp-brand-color1, #1565c0);
  --lobu-good: var(--jp-success-color1, #2e7d32);
  --lobu-warn: var(--jp-warn-color1, #b35900);
  --lobu-bad: var(--jp-error-color1, #c62828);
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

.lobu table {
  border-collapse: collapse;
  font-size: 0.92em;
  margin: 0;
}

.lobu table th,
.lobu table td {
  padding: 3px 10px;
  border: 0;
  border-bottom: 1px solid var(--lobu-line);
  text-align: left;
}

.lobu .lobu-html table th,
.lobu .lobu-html table td {
  text-align: right;
}

.lobu-reasoning,
.lobu-raw,
.lobu-step,
.lobu-notice {
  color: var(--lobu-faint);
  font-size: 0.92em;
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

.lobu-is-waiting .lobu-card-mark {
  border-radius: 1px;
  background: var(--lobu-warn);
}

.lobu-card-name {
  flex: none;
  font-weight: 600;
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

.lobu-diff-head {
  color: var(--lobu-faint);
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

.lobu-primary {
  border-color: var(--lobu-brand);
  font-weight: 600;
  box-shadow: inset 0 0 0 1px var(--lobu-brand);
}

.lobu-grants {
  display: inline-flex;
  flex-wrap: wrap;
  gap: 6px;
}

.lobu-quiet {
  padding: 3px 6px;
  border-color: transparent;
  background: transparent;
  color: var(--lobu-faint);
  text-decoration: underline;
  text-underline-offset: 3px;
}

.lobu-button kbd {
  margin-left: 4px;
  padding: 0 4px;
  border: 1px solid var(--lobu-line);
  border-radius: 3px;
  background: transparent;
  box-shadow: none;
  color: var(--lobu-faint);
  font-family: var(--lobu-mono);
  font-size: 0.85em;
  font-weight: 400;
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
`,""]),e.d(r,{},{A:t})},314(o){o.exports=function(o){var r=[];return r.toString=function(){return this.map(function(r){var e="",a=void 0!==r[5];return r[4]&&(e+="@supports (".concat(r[4],") {")),r[2]&&(e+="@media ".concat(r[2]," {")),a&&(e+="@layer".concat(r[5].length>0?" ".concat(r[5]):""," {")),e+=o(r),a&&(e+="}"),r[2]&&(e+="}"),r[4]&&(e+="}"),e}).join("")},r.i=function(o,e,a,l,n){"string"==typeof o&&(o=[[null,o,void 0]]);var t={};if(a)for(var i=0;i<this.length;i++){var u=this[i][0];null!=u&&(t[u]=!0)}for(var b=0;b<o.length;b++){var d=[].concat(o[b]);a&&t[d[0]]||(void 0!==n&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=n),e&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=e),l&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=l):d[4]="".concat(l)),r.push(d))}},r}},601(o){o.exports=function(o){return o[1]}},72(o){var r=[];function e(o){for(var e=-1,a=0;a<r.length;a++)if(r[a].identifier===o){e=a;break}return e}function a(o,a){for(var l={},n=[],t=0;t<o.length;t++){var i=o[t],u=a.base?i[0]+a.base:i[0],b=l[u]||0,d="".concat(u," ").concat(b);l[u]=b+1;var s=e(d),c={css:i[1],media:i[2],sourceMap:i[3],supports:i[4],layer:i[5]};if(-1!==s)r[s].references++,r[s].updater(c);else{var p=function(o,r){var e=r.domAPI(r);return e.update(o),function(r){r?(r.css!==o.css||r.media!==o.media||r.sourceMap!==o.sourceMap||r.supports!==o.supports||r.layer!==o.layer)&&e.update(o=r):e.remove()}}(c,a);a.byIndex=t,r.splice(t,0,{identifier:d,updater:p,references:1})}n.push(d)}return n}o.exports=function(o,l){var n=a(o=o||[],l=l||{});return function(o){o=o||[];for(var t=0;t<n.length;t++){var i=e(n[t]);r[i].references--}for(var u=a(o,l),b=0;b<n.length;b++){var d=e(n[b]);0===r[d].references&&(r[d].updater(),r.splice(d,1))}n=u}}},659(o){var r={};o.exports=function(o,e){var a=function(o){if(void 0===r[o]){var e=document.querySelector(o);if(window.HTMLIFrameElement&&e instanceof window.HTMLIFrameElement)try{e=e.contentDocument.head}catch(o){e=null}r[o]=e}return r[o]}(o);if(!a)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");a.appendChild(e)}},540(o){o.exports=function(o){var r=document.createElement("style");return o.setAttributes(r,o.attributes),o.insert(r,o.options),r}},56(o,r,e){o.exports=function(o){var r=e.nc;r&&o.setAttribute("nonce",r)}},825(o){o.exports=function(o){if("u"<typeof document)return{update:function(){},remove:function(){}};var r=o.insertStyleElement(o);return{update:function(e){var a,l,n;a="",e.supports&&(a+="@supports (".concat(e.supports,") {")),e.media&&(a+="@media ".concat(e.media," {")),(l=void 0!==e.layer)&&(a+="@layer".concat(e.layer.length>0?" ".concat(e.layer):""," {")),a+=e.css,l&&(a+="}"),e.media&&(a+="}"),e.supports&&(a+="}"),(n=e.sourceMap)&&"u">typeof btoa&&(a+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(n))))," */")),o.styleTagTransform(a,r,o.options)},remove:function(){var o;null===(o=r).parentNode||o.parentNode.removeChild(o)}}}},113(o){o.exports=function(o,r){if(r.styleSheet)r.styleSheet.cssText=o;else{for(;r.firstChild;)r.removeChild(r.firstChild);r.appendChild(document.createTextNode(o))}}},187(o,r,e){var a=e(72),l=e.n(a),n=e(825),t=e.n(n),i=e(659),u=e.n(i),b=e(56),d=e.n(b),s=e(540),c=e.n(s),p=e(113),f=e.n(p),m=e(668),x={};x.styleTagTransform=f(),x.setAttributes=d(),x.insert=u().bind(null,"head"),x.domAPI=t(),x.insertStyleElement=c(),l()(m.A,x),m.A&&m.A.locals&&m.A.locals}}]);