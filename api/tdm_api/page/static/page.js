// The page works without this. It saves round trips: rows are added and removed in place, cells are pasted from a
// spreadsheet, the time after a dose is shown while one types, an answer is marked once its entries have changed, and a
// new case is decided at the present time.

const form = document.getElementById("case");
const PAUSE_MS = 350;

// --- rows ------------------------------------------------------------------------------------------------------------

const rowsOf = (table) => form.querySelector(`[data-rows="${table}"]`);

/** Number the rows of a table from zero: names, ids and the labels that point to them. */
function renumber(table) {
  const pattern = new RegExp(`([/-]${table}[/-]|:${table}:)(\\d+|__row__)`, "g");
  [...rowsOf(table).children].forEach((row, index) => {
    for (const element of [row, ...row.querySelectorAll("*")]) {
      for (const { name, value } of [...element.attributes]) {
        if (name === "value" && element.tagName === "INPUT") continue;
        element.setAttribute(name, value.replace(pattern, `$1${index}`));
      }
    }
    const group = row.querySelector("[role=group]");
    const words = group.dataset.words ?? group.getAttribute("aria-label");
    group.dataset.words = words;
    group.setAttribute("aria-label", words.replace(/\d+|__row__/, index + 1));
    const remove = row.querySelector("[data-remove]");
    for (const name of ["aria-label", "title"]) {
      remove.setAttribute(name, remove.getAttribute(name).replace(/\d+|__row__/, index + 1));
    }
  });
}

function addRow(table) {
  const template = form.querySelector(`[data-template="${table}"]`);
  const row = template.content.firstElementChild.cloneNode(true);
  rowsOf(table).append(row);
  renumber(table);
  return row;
}

function removeRow(row) {
  const list = row.parentElement;
  const table = list.dataset.rows;
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  const left = next ?? addRow(table);
  renumber(table);
  left.querySelector("input").focus();
}

form.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.add) {
    event.preventDefault();
    addRow(button.dataset.add).querySelector("input").focus();
  } else if ("remove" in button.dataset) {
    event.preventDefault();
    removeRow(button.closest("[data-row]"));
    settleNow();
    changed();
  } else if (button.dataset.paste) {
    event.preventDefault();
    const area = form.querySelector(`[data-pasted="${button.dataset.paste}"]`);
    fill(button.dataset.paste, area.value, firstBlank(button.dataset.paste), "time", "");
    area.value = "";
    settleNow();
    changed();
  }
});

// --- pasting ---------------------------------------------------------------------------------------------------------

const PASTED = { doses: ["time", "dose_mg", "every_h", "count"], levels: ["time", "level_ng_ml", "assay"] };
const column = (input) => input.name.split("/").at(-1);
const isBlank = (row) => [...row.querySelectorAll("input")].every((input) => !input.value.trim());

function firstBlank(table) {
  const rows = [...rowsOf(table).children];
  const place = rows.findIndex(isBlank);
  return place < 0 ? rows.length : place;
}

/**
 * Write lines of cells into the rows of a table, from one row and column on; a first line without digits is a head.
 * Levels are all in one unit: that of the row they are pasted into, or the one that the place for pasting names.
 */
function fill(table, text, from, first, unit) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  if (lines.length && !/\d/.test(lines[0])) lines.shift();
  const columns = PASTED[table].slice(PASTED[table].indexOf(first));
  lines.forEach((line, offset) => {
    const row = rowsOf(table).children[from + offset] ?? addRow(table);
    const cells = line.split("\t");
    // nothing is dropped: what is too much stands in the last cell, where it is refused
    const rest = cells.splice(columns.length - 1);
    if (rest.length) cells.push(rest.join("\t"));
    cells.forEach((cell, place) => {
      row.querySelector(`[name$="/${columns[place]}"]`).value = cell.trim();
    });
    if (table === "levels" && columns.includes("level_ng_ml")) row.querySelector('[name$="/unit"]').value = unit;
  });
}

form.addEventListener("paste", (event) => {
  const input = event.target;
  const row = input.closest?.("[data-row]");
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!row || !PASTED[row.dataset.row]?.includes(column(input)) || !/[\t\n]/.test(text.trim())) return;
  event.preventDefault();
  const unit = row.querySelector('[name$="/unit"]')?.value;
  fill(row.dataset.row, text, [...row.parentElement.children].indexOf(row), column(input), unit);
  settleNow();
  changed();
});

// --- what is shown while one types -----------------------------------------------------------------------------------

let timer = 0;
let asked = 0;

function changed() {
  const stale = document.getElementById("stale");
  if (stale) {
    stale.hidden = false;
    document.querySelector(".answer").classList.add("outdated");
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE_MS);
}

async function refresh() {
  const turn = ++asked;
  const fields = new FormData(form);
  fields.delete("file");
  let found;
  try {
    const response = await fetch(form.dataset.samplingUrl, { method: "POST", body: fields });
    if (!response.ok) return;
    found = await response.json();
  } catch {
    return; // offline or busy: what the server said last stays
  }
  if (turn !== asked) return; // a later answer is on its way
  [...rowsOf("levels").children].forEach((row, index) => {
    const output = row.querySelector("[data-sampling]");
    const { words = "", trough = "" } = found.levels[index] ?? {};
    if (output.textContent.trim() !== words) output.textContent = words;
    output.dataset.trough = trough;
  });
  for (const element of form.querySelectorAll("[data-studied]")) {
    const range = found.studied[element.dataset.studied];
    element.textContent = range ? ` · ${range}` : "";
  }
  form.querySelector("[data-studied-note]").textContent = found.note;
}

form.addEventListener("input", (event) => {
  if (event.target.name && event.target.type !== "file") changed();
});

// --- the present time ------------------------------------------------------------------------------------------------

// The time of the decision is the page's until someone types another one (`clock` says so); it goes on with the clock
// until there is an answer. It never stands beside hours or times with an offset: kinds of times do not mix.
const now = form.elements["/now"];
const clock = form.elements.clock;
const setNow = form.querySelector("[data-now]");
const TIMES = ".field-time input, [name$='/missed']";
const TICK_MS = 15_000;

/** The kinds of times elsewhere in the case: hours, with an offset, or neither. */
function kindsElsewhere() {
  const texts = [...form.querySelectorAll(TIMES)].filter((input) => input !== now);
  return new Set(texts.flatMap((input) => input.value.split(/[;,\uff1b\uff0c\u3001]/)).map(kind));
}

function kind(text) {
  if (/^[+-]?[\d.]+$/.test(text.trim())) return "hours";
  return /:\d{2}\S*?(Z|[+-]\d{2}:?\d{2})$/i.test(text.trim()) ? "offset" : "local";
}

/** The present local time as the form writes times, to the minute. */
function present(withOffset) {
  const at = new Date();
  const east = -at.getTimezoneOffset();
  const text = new Date(at.getTime() + east * 60_000).toISOString().slice(0, 16).replace("T", " ");
  const pair = (number) => String(number).padStart(2, "0");
  const offset = `${east < 0 ? "-" : "+"}${pair(Math.trunc(Math.abs(east) / 60))}:${pair(Math.abs(east) % 60)}`;
  return withOffset ? text + offset : text;
}

function settleNow() {
  const kinds = kindsElsewhere();
  setNow.hidden = kinds.has("hours");
  if (!clock.value || document.activeElement === now) return;
  const told = document.body.dataset.state === "answer" ? now.value : "";
  now.value = kinds.has("hours") || kinds.has("offset") ? "" : told || present();
}

setNow.addEventListener("click", () => {
  const withOffset = kindsElsewhere().has("offset");
  now.value = present(withOffset);
  clock.value = withOffset ? "" : "yes";
  changed();
});

now.addEventListener("input", () => {
  clock.value = "";
});

// a time that is half typed may look like hours, so kinds are told apart when it is done
form.addEventListener("change", settleNow);
form.addEventListener("submit", settleNow);
setInterval(() => document.activeElement?.matches(TIMES) || settleNow(), TICK_MS);
settleNow();

// --- the protocol's window and source, as soon as it is chosen -------------------------------------------------------

const protocol = form.querySelector('select[name="/protocol"]');
protocol?.addEventListener("change", () => {
  for (const card of form.querySelectorAll("[data-protocol]")) card.hidden = card.dataset.protocol !== protocol.value;
});

// --- focus, files, print ---------------------------------------------------------------------------------------------

/** A problem's link leads to its field, and opens what it is folded into. */
function goTo(id) {
  const target = document.getElementById(id);
  if (!target) return;
  for (let part = target.parentElement; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  target.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-goto]");
  if (!link) return;
  event.preventDefault();
  goTo(decodeURIComponent(link.hash.slice(1)));
});

// browsers that know `autofocus` have focused a field or a heading by then, but none that is folded away
window.addEventListener("load", () => {
  setTimeout(() => {
    if (document.activeElement !== document.body) return;
    if (document.body.dataset.wrong) goTo(document.body.dataset.wrong);
    else document.querySelector("[data-focus]")?.focus();
  }, 50);
});

const print = form.querySelector("[data-print]");
if (document.body.dataset.state === "answer") {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

const file = document.getElementById("file");
file.addEventListener("change", () => {
  if (file.files.length) form.querySelector("[data-open]").click();
});
