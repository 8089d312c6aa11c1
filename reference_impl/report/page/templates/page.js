"use strict";
(() => {
  const MOST = 100; // calls that are listed at once
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const shown = (number) => number.toLocaleString("en");

  /** Make an element. Text is only ever set as text. */
  const make = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // Light and dark.
  const theme = find("#theme");
  const isDark = () =>
    document.body.classList.contains("dark") ||
    (!document.body.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
  const nameTheme = () => (theme.textContent = isDark() ? "Light" : "Dark");
  theme.hidden = false;
  nameTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
  theme.addEventListener("click", () => {
    const wanted = isDark() ? "light" : "dark";
    document.body.classList.remove("light", "dark");
    document.body.classList.add(wanted);
    nameTheme();
  });

  // Copy.
  const copyText = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error("the browser does not copy");
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    let said = "Copied";
    try {
      await copyText(find("code", button.parentElement).textContent);
    } catch {
      said = "Select it";
    }
    button.textContent = said;
    button.focus();
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });

  // Printed pages show the bugs and the plots in full.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details.bug:not([open]), details.plots:not([open])");
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => opened.forEach((one) => (one.open = false)));

  // The matrix.
  const matrixFilter = find("#matrix-filter");
  if (matrixFilter) {
    const rows = all(".matrix tbody tr");
    const filter = () => {
      const word = matrixFilter.elements.name.value.toLowerCase();
      const bad = matrixFilter.elements.bad.checked;
      let left = 0;
      for (const row of rows) {
        const name = all("th, .environment", row).map((one) => one.textContent).join(" ").toLowerCase();
        row.hidden = !name.includes(word) || (bad && !row.classList.contains("has-bad"));
        left += !row.hidden;
      }
      find("[role=status]", matrixFilter).textContent = left < rows.length ? `${left} of ${rows.length} rows` : "";
    };
    matrixFilter.hidden = rows.length < 2;
    matrixFilter.addEventListener("input", filter);
    matrixFilter.addEventListener("submit", (event) => event.preventDefault());
  }

  // The calls. They are unpacked when they are first asked for.
  const packed = find("#packed");
  if (!packed) return;
  const form = find("#call-filter");
  const list = find("#call-list");
  const status = find("#call-status");
  const more = find("#more");
  form.hidden = false;
  for (const one of all(".scripted")) one.hidden = false;

  const unpack = async () => {
    const text = atob(packed.textContent);
    const bytes = new Uint8Array(text.length);
    for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const data = JSON.parse(await new Response(stream).text());
    const counts = data.calls[5];
    const starts = new Uint32Array(counts.length + 1);
    counts.forEach((count, call) => (starts[call + 1] = starts[call] + count));
    data.starts = starts;
    data.lowerCases = data.cases.map((one) => one.toLowerCase());
    data.lowerTexts = data.texts.map((one) => one.toLowerCase());
    return data;
  };
  let unpacking = null;

  const matching = (data) => {
    const asked = form.elements;
    const [backends, operations, cases, invalid] = data.calls;
    const [checks, outcomes, , , texts] = data.records;
    const backend = asked.backend.value === "" ? -1 : Number(asked.backend.value);
    const operation = asked.operation.value === "" ? -1 : data.operations.indexOf(asked.operation.value);
    const outcome = asked.outcome.value === "" ? -1 : data.outcomes.indexOf(asked.outcome.value);
    const check = asked.check.value === "" ? -1 : data.checks.indexOf(asked.check.value);
    const word = asked.text.value.trim().toLowerCase();
    const inCase = word && data.lowerCases.map((one) => one.includes(word));
    const inText = word && data.lowerTexts.map((one) => one.includes(word));
    const found = [];
    for (let call = 0; call < backends.length; call++) {
      if (backend >= 0 && backends[call] !== backend) continue;
      if (operation >= 0 && operations[call] !== operation) continue;
      let isFound = !word || inCase[cases[call]] || inText[invalid[call]];
      const first = data.starts[call];
      const end = data.starts[call + 1];
      // The first record of a call has its worst outcome, which is the call's.
      if (outcome >= 0 && check < 0 && outcomes[first] !== outcome) continue;
      let hasCheck = check < 0;
      for (let record = first; record < end && !(isFound && hasCheck); record++) {
        isFound = isFound || inText[texts[record]];
        hasCheck = hasCheck || (checks[record] === check && (outcome < 0 || outcomes[record] === outcome));
      }
      if (isFound && hasCheck) found.push(call);
    }
    return found;
  };

  const commandOf = (data, call) => {
    const [start, kind] = data.commands[data.calls[4][call]];
    const name = data.cases[data.calls[2][call]];
    if (kind === "python") return `${start}'${name}'])`;
    const operation = data.operations[data.calls[1][call]];
    const check = data.checks[data.records[0][data.starts[call]]];
    return `${start} ${kind === "check" ? `--check ${check}` : `--cases ${name}`} --operation ${operation}`;
  };

  const kindOf = (data, outcome) =>
    data.bad[outcome] ? "bad" : ["pass", "unsupported"].includes(data.outcomes[outcome]) ? "good" : "warn";

  const fill = (data, call, into) => {
    const [checks, outcomes, modes, ratios, texts] = data.records;
    const checked = make("ul", "checks");
    for (let record = data.starts[call]; record < data.starts[call + 1]; record++) {
      const item = make("li");
      const outcome = outcomes[record];
      item.append(make("span", `badge ${kindOf(data, outcome)}`, data.outcomes[outcome]), " ");
      item.append(make("b", "", data.checks[checks[record]] || "call"));
      const facts = [data.modes[modes[record]]];
      if (ratios[record] !== null) facts.push(`ratio ${ratios[record]}`);
      item.append(make("small", "", ` ${facts.join(", ")}`));
      if (texts[record]) {
        const said = make("pre");
        said.append(make("bdi", "", data.texts[texts[record]]));
        item.append(said);
      }
      checked.append(item);
    }
    const command = make("div", "copied");
    const text = make("pre");
    text.append(make("code", "", commandOf(data, call)));
    const button = make("button", "copy", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", "Copy the command");
    command.append(text, button);
    const item = make("li");
    item.append("Run it again:", command);
    checked.append(item);
    into.append(checked);
  };

  const asElement = (data, call) => {
    const [backends, operations, cases, invalid] = data.calls;
    const outcome = data.records[1][data.starts[call]];
    const made = make("details", "call");
    const summary = make("summary");
    summary.append(make("span", `badge ${kindOf(data, outcome)}`, data.outcomes[outcome]), " ");
    summary.append(make("bdi", "", data.backends[backends[call]]), ` ${data.operations[operations[call]]} `);
    summary.append(make("bdi", "case", data.texts[invalid[call]] || data.cases[cases[call]] || "whole backend"));
    made.append(summary);
    made.addEventListener("toggle", () => made.childElementCount > 1 || fill(data, call, made));
    return made;
  };

  let found = [];
  let listed = 0;
  const showMore = (data) => {
    const some = found.slice(listed, listed + MOST).map((call) => asElement(data, call));
    list.append(...some);
    listed += some.length;
    more.hidden = listed >= found.length;
    more.textContent = `Show ${shown(Math.min(MOST, found.length - listed))} more`;
    status.textContent = `${shown(found.length)} calls${listed < found.length ? `, ${shown(listed)} of them listed` : ""}. Open one for its checks.`;
    return some[0];
  };
  const show = async () => {
    status.textContent = "Unpacking the calls ...";
    let data;
    try {
      data = await (unpacking ??= unpack());
    } catch (error) {
      status.textContent = `The calls cannot be unpacked (${error}). Open the page in a newer browser.`;
      return;
    }
    found = matching(data);
    listed = 0;
    list.replaceChildren();
    showMore(data);
  };
  more.addEventListener("click", async () => {
    const first = showMore(await unpacking);
    if (first) find("summary", first).focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  form.addEventListener("change", show);
  let waiting = 0;
  form.elements.text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 200);
  });
  for (const cell of all("button.cell")) {
    cell.addEventListener("click", async () => {
      form.reset();
      form.elements.backend.value = cell.dataset.backend;
      const operation = form.elements.operation;
      operation.value = cell.dataset.operation;
      if (operation.selectedIndex < 0) operation.selectedIndex = 0; // the column of all operations
      const section = find("#calls");
      await show();
      section.scrollIntoView();
      section.focus({ preventScroll: true });
    });
  }
})();
