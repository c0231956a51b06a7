// A number sorts before words, and what has no key is last in either direction.
function compare(a, b, direction) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  const x = Number(a), y = Number(b);
  const numbers = !Number.isNaN(x) && !Number.isNaN(y);
  return direction * (numbers ? x - y : a.localeCompare(b, "en", { numeric: true }));
}

function key(row, column) {
  const value = row.cells[column].dataset.key;
  return value === "nan" ? undefined : value === "inf" ? "Infinity" : value;
}

for (const table of tables) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button")?.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(key(a, column), key(b, column), descending ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}
