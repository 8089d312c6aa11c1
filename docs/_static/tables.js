// Tables of more than eight rows are sorted by a click on a heading, and filtered by a word. No library, no network.
// An empty first cell means "as above": it is filled, so that a row keeps its framework wherever it goes.
// Names in headings may break after an underscore, so that no column is wider than its cells need.
"use strict";

function compare(a, b) {
  const [x, y] = [a, b].map((text) => parseFloat(text.replace(/,/g, "")));
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y || a.localeCompare(b);
}

function fillFirstCells(rows) {
  rows.slice(1).forEach((row, above) => {
    if (!row.cells[0].textContent.trim()) {
      row.cells[0].innerHTML = rows[above].cells[0].innerHTML;
    }
  });
}

function breakNames(table) {
  table.querySelectorAll("th code *, th code").forEach((name) => {
    if (!name.children.length) name.innerHTML = name.innerHTML.replaceAll("_", "_<wbr>");
  });
}

function addFilter(table, rows) {
  const field = document.createElement("input");
  const count = document.createElement("output");
  field.type = "search";
  field.placeholder = "filter rows";
  field.setAttribute("aria-label", "Show only rows with these words");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    rows.forEach((row) => {
      row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    });
    count.textContent = ` ${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  });
  const line = document.createElement("p");
  line.className = "table-filter";
  line.append(field, count);
  (table.closest(".table-wrapper") || table).before(line);
}

function addSorting(table, rows) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      [...table.tHead.rows[0].cells].forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[column].textContent.trim();
      rows.sort((a, b) => (down ? -1 : 1) * compare(text(a), text(b)));
      table.tBodies[0].append(...rows);
    });
  });
}

document.querySelectorAll("article table.docutils").forEach((table) => {
  const rows = table.tHead ? [...table.tBodies[0].rows] : [];
  breakNames(table);
  if (rows.length > 8) [fillFirstCells(rows), addFilter(table, rows), addSorting(table, rows)];
});
