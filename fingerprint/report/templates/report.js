"use strict";
// Lists the prompts, a page at a time, and shows one prompt's responses side by side. Model text only
// ever becomes text nodes; the page's policy lets no other script run and no request leave.
(() => {
  const PAGE = 10;
  const MOST_CODES = 40;
  const UNSEEN = /(?:[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff])+/g;
  const LONG_WORD = /\S{80}(?=\S)(?![\udc00-\udfff])/g;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("ev-index").textContent);
  const count = data.ids.length;
  data.order = data.ids.map((_, i) => i);
  data.excess = data.agreement.map((a, i) => a - data.chance[i]);
  const blocks = new Map();
  let view = data.order.slice();
  let sorted = { key: "excess", down: true };
  let page = 0;
  let open = -1;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const cell = (row, text, className) => row.appendChild(element("td", text, className));
  const number = (value) => value.toLocaleString("en");

  // Browsers take seconds to break a word of thousands of letters: it is told where it may break.
  const addPlain = (parent, text) => {
    let at = 0;
    for (const match of text.matchAll(LONG_WORD)) {
      const end = match.index + match[0].length;
      parent.append(text.slice(at, end), element("wbr"));
      at = end;
    }
    if (at < text.length) parent.append(text.slice(at));
  };

  // Characters that cannot be seen, or that reorder text, are shown by their codes.
  const addText = (parent, text) => {
    let at = 0;
    for (const match of text.matchAll(UNSEEN)) {
      addPlain(parent, text.slice(at, match.index));
      const shown = match[0].slice(0, MOST_CODES);
      const codes = Array.from({ length: shown.length }, (_, i) =>
        `U+${shown.charCodeAt(i).toString(16).toUpperCase().padStart(4, "0")}`);
      const more = match[0].length - shown.length;
      if (more > 0) codes.push(`and ${number(more)} more`);
      parent.append(element("span", codes.join(" "), "ctl"));
      at = match.index + match[0].length;
    }
    addPlain(parent, text.slice(at));
  };

  const exhibit = (i) => {
    const number = Math.floor(i / data.block);
    if (!blocks.has(number)) {
      if (blocks.size > 40) blocks.clear();
      blocks.set(number, JSON.parse(byId(`ev-${number}`).textContent));
    }
    return blocks.get(number)[i % data.block];
  };

  const arrange = () => {
    const domain = byId("ev-domain").value;
    const query = byId("ev-query").value.trim().toLowerCase();
    view = data.order.filter((i) =>
      (domain === "" || data.domain[i] === Number(domain)) &&
      (query === "" || data.ids[i].toLowerCase().includes(query) || data.heads[i].toLowerCase().includes(query)));
    const column = data[sorted.key];
    const sign = sorted.down ? -1 : 1;
    view.sort((a, b) => sign * (column[a] - column[b]) || a - b);
    page = 0;
    list();
  };

  const list = () => {
    const body = byId("ev-list").tBodies[0];
    const first = page * PAGE;
    const shown = view.slice(first, first + PAGE);
    body.replaceChildren(...shown.map((i) => {
      const row = element("tr");
      if (i === open) row.setAttribute("aria-current", "true");
      const button = element("button", `${data.ids[i]}: ${data.heads[i]}`);
      button.type = "button";
      button.addEventListener("click", () => show(i, true));
      row.appendChild(element("td")).append(button);
      cell(row, data.domains[data.domain[i]] || "–");
      cell(row, data.weight[i].toFixed(1), "number");
      for (const key of ["agreement", "chance", "excess"]) cell(row, data[key][i].toFixed(2), "number");
      return row;
    }));
    for (const button of byId("ev-list").tHead.querySelectorAll("button")) {
      const state = button.dataset.key !== sorted.key ? "none" : sorted.down ? "descending" : "ascending";
      button.parentElement.setAttribute("aria-sort", state);
    }
    byId("ev-status").textContent = view.length === 0
      ? "No prompt fits"
      : `Prompts ${number(first + 1)} to ${number(first + shown.length)} of ${number(view.length)}` +
        (view.length < count ? ` (${number(count)} in all)` : "");
    byId("ev-back").disabled = page === 0;
    byId("ev-on").disabled = first + PAGE >= view.length;
  };

  const side = (given, units) => {
    const article = element("article");
    const heading = article.appendChild(element("h4"));
    heading.append(`${given.role[0].toUpperCase()}${given.role.slice(1)}: `, element("bdi", given.model));
    if (given.parts === null) {
      article.append(element("p", "No text is held of this model.", "note"));
      return article;
    }
    const text = article.appendChild(element("div", undefined, "text"));
    text.dir = "auto";
    text.tabIndex = 0;
    text.setAttribute("role", "region");
    text.setAttribute("aria-label", `Response of the ${given.role}`);
    for (const part of given.parts) {
      if (typeof part === "string") { addText(text, part); continue; }
      const mark = element("mark", undefined, units[part[1]][0] === "phrases" ? "" : "start");
      mark.dataset.unit = part[1];
      addText(mark, part[0]);
      text.append(mark);
    }
    if (given.parts.length === 0) text.append(element("span", "(empty)", "note"));
    const notes = [];
    if (given.cut > 0) notes.push(`${number(given.cut)} more characters are not shown`);
    if (given.samples > 1) notes.push(`first of ${number(given.samples)} samples`);
    if (notes.length) article.append(element("p", `${notes.join("; ")}.`, "note"));
    return article;
  };

  const highlight = (button, unit) => {
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const other of byId("ev-units").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", String(on));
    let first = null;
    for (const mark of byId("ev-sides").querySelectorAll("mark")) {
      const mine = on && mark.dataset.unit === String(unit);
      mark.classList.toggle("on", mine);
      if (mine && first === null) first = mark;
    }
    if (first) first.scrollIntoView({ block: "nearest" });
  };

  const show = (i, move) => {
    open = i;
    const found = exhibit(i);
    byId("ev-title").textContent = data.ids[i];
    const prompt = byId("ev-prompt");
    prompt.replaceChildren();
    addText(prompt, found.prompt || "(the prompt's text is not held)");
    byId("ev-sides").replaceChildren(...found.sides.map((given) => side(given, found.units)));
    const table = byId("ev-units");
    table.caption.textContent = found.units.length === 0
      ? "Nothing that is rare elsewhere is shared here"
      : `Shared here and rare elsewhere, the rarest first${found.more ? `; ${number(found.more)} more are not listed` : ""}`;
    table.tBodies[0].replaceChildren(...found.units.map(([kind, text, weight, others, lineages], unit) => {
      const row = element("tr");
      const button = element("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      addText(button, text);
      button.addEventListener("click", () => highlight(button, unit));
      row.appendChild(element("td")).append(button);
      cell(row, kind.replace(/s$/, ""));
      cell(row, weight.toFixed(1), "number");
      cell(row, `${others} of ${lineages}`, "number");
      return row;
    }));
    const place = view.indexOf(i);
    byId("ev-previous").disabled = place <= 0;
    byId("ev-next").disabled = place < 0 || place + 1 >= view.length;
    list();
    if (move) byId("ev-detail").focus({ preventScroll: false });
  };

  const step = (by) => {
    const place = view.indexOf(open) + by;
    if (place < 0 || place >= view.length) return;
    page = Math.floor(place / PAGE);
    show(view[place], false);
  };

  const options = [["", "all"], ...data.domains.map((name, i) => [String(i), name || "none"])];
  byId("ev-domain").append(...options.map(([value, text]) => {
    const option = element("option", text);
    option.value = value;
    return option;
  }));
  byId("ev-domain").addEventListener("change", arrange);
  byId("ev-query").addEventListener("input", arrange);
  byId("ev-back").addEventListener("click", () => { page -= 1; list(); });
  byId("ev-on").addEventListener("click", () => { page += 1; list(); });
  byId("ev-previous").addEventListener("click", () => step(-1));
  byId("ev-next").addEventListener("click", () => step(1));
  byId("ev-list").tHead.addEventListener("click", (event) => {
    const key = event.target.dataset.key;
    if (!key) return;
    const words = key === "order" || key === "domain";
    sorted = { key, down: sorted.key === key ? !sorted.down : !words };
    arrange();
  });
  byId("explorer").hidden = false;
  arrange();
  if (view.length) show(view[0], false);
})();
