// Tables are sorted by their headings and filtered by words and by columns. Their state is in the address, after the
// "#", so that it can be sent to others: #claims.sort=-5&claims.q=depth&claims.Verdict=reproduced
(() => {
  const tables = [];
  const state = () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const value = (cell) => cell.dataset.value ?? cell.textContent.trim();

  function remember() {
    const all = tables.flatMap((table) => table.state());
    const text = new URLSearchParams(all).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname);
  }

  function key(cell, kind) {
    const text = value(cell);
    return kind !== "number" ? text : text === "" ? NaN : Number(text.replace(/,/g, ""));
  }

  function compare(a, b) {
    if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
    // What is missing comes last, either way.
    if (Number.isNaN(a) || Number.isNaN(b)) return 0;
    return a - b;
  }

  function prepare(table) {
    const name = table.dataset.name;
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    const titles = headings.map((heading) => heading.textContent);
    const sorting = { column: -1, down: false };
    const facets = new Map();

    const controls = document.createElement("div");
    controls.className = "controls";
    const search = document.createElement("input");
    search.type = "search";
    search.autocomplete = "off";
    controls.append(labelled("Filter", search));
    headings.forEach((heading, column) => {
      if (!("facet" in heading.dataset)) return;
      const values = [...new Set(rows.map((row) => value(row.cells[column])))].filter(Boolean);
      if (values.length < 2) return;
      values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
      const select = document.createElement("select");
      select.append(new Option("all", ""), ...values.map((text) => new Option(text, text)));
      facets.set(column, select);
      controls.append(labelled(titles[column], select));
    });
    const count = document.createElement("output");
    controls.append(count);
    const frame = table.closest(".wide");
    if (rows.length > 3) frame.before(controls);
    // Of a long table the first rows, until all are asked for.
    const first = Number(table.dataset.first ?? Infinity);
    const more = document.createElement("button");
    more.type = "button";
    more.className = "more";
    let all = false;
    if (rows.length > first) frame.after(more);
    more.addEventListener("click", () => { all = !all; filter(); remember(); });

    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = titles[column];
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const again = sorting.column === column;
        // Up, down, as it came.
        if (again && sorting.down) sorting.column = -1;
        sorting.down = again && !sorting.down;
        if (!again) sorting.column = column;
        sort();
        filter();
        remember();
      });
    });

    function sort() {
      headings.forEach((heading, column) => {
        if (column === sorting.column) heading.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
        else heading.removeAttribute("aria-sort");
      });
      if (sorting.column < 0) { body.append(...rows); return; }
      const kind = headings[sorting.column].dataset.kind;
      const keyed = rows.map((row) => [key(row.cells[sorting.column], kind), row]);
      const missing = keyed.filter(([k]) => Number.isNaN(k));
      const there = keyed.filter(([k]) => !Number.isNaN(k)).sort(([a], [b]) => (sorting.down ? compare(b, a) : compare(a, b)));
      body.append(...[...there, ...missing].map(([, row]) => row));
    }

    function filter() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let fitting = 0;
      for (const row of body.rows) {
        const text = words.length ? row.textContent.toLowerCase() : "";
        const fits = words.every((word) => text.includes(word)) &&
          [...facets].every(([column, select]) => !select.value || value(row.cells[column]) === select.value);
        row.hidden = !fits;
        row.classList.toggle("beyond", fits && !all && fitting >= first);
        fitting += fits;
      }
      count.textContent = fitting === rows.length ? `${fitting} rows` : `${fitting} of ${rows.length} rows`;
      more.hidden = fitting <= first;
      more.textContent = all ? `Show the first ${first}` : `Show all ${fitting}`;
    }

    function restore(from) {
      search.value = from.get(`${name}.q`) ?? "";
      for (const [column, select] of facets) select.value = from.get(`${name}.${titles[column]}`) ?? "";
      for (const [, select] of facets) if (select.selectedIndex < 0) select.value = "";
      all = from.has(`${name}.all`);
      const order = from.get(`${name}.sort`) ?? "";
      sorting.column = titles.indexOf(order.replace(/^-/, ""));
      sorting.down = order.startsWith("-");
      if (from.size) sort();
      filter();
    }

    controls.addEventListener("input", () => { filter(); remember(); });
    restore(state());
    return {
      name,
      restore,
      show: () => (controls.isConnected ? controls : frame).scrollIntoView(),
      state() {
        const found = [];
        if (search.value) found.push([`${name}.q`, search.value]);
        for (const [column, select] of facets) if (select.value) found.push([`${name}.${titles[column]}`, select.value]);
        if (sorting.column >= 0) found.push([`${name}.sort`, (sorting.down ? "-" : "") + titles[sorting.column]]);
        if (all) found.push([`${name}.all`, "1"]);
        return found;
      },
    };
  }

  function labelled(text, control) {
    const label = document.createElement("label");
    label.append(`${text} `, control);
    return label;
  }

  for (const table of document.querySelectorAll("table.sortable")) tables.push(prepare(table));

  // A link leads to a table in a state, to a row, which must not be among those left out, or to what is folded.
  function arrive() {
    if (location.hash.includes("=")) {
      const asked = state();
      for (const table of tables) table.restore(asked);
      tables.find((table) => [...asked.keys()].some((key) => key.startsWith(`${table.name}.`)))?.show();
      return;
    }
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.tagName === "DETAILS") target.open = true;
    if (target?.classList.contains("beyond")) { target.classList.remove("beyond"); target.scrollIntoView(); }
  }
  addEventListener("hashchange", arrive);
  arrive();
})();
