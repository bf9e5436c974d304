// Looks for drawings that say nothing in words. Evaluated by the test's own channel.
() => {
  const problems = [], kinds = [];
  // Tiles and columns that say the same in other words, for want of room.
  const COLUMN_OF = { "Caller waited, p50": "Wait p50", "Caller waited, p95": "p95", "Barge-in rate": "Barge-ins", "Failed calls": "Failed" };
  const numbers = (text) => text.match(/\d[\d.,]*/g) ?? [];
  const name = (node) => node.getAttribute("aria-label") ?? "";
  const say = (node, problem) => problems.push(`<${node.localName} class="${node.getAttribute("class") ?? ""}">: ${problem}`);
  const rowsOf = (table) => [...table.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.innerText));

  for (const canvas of document.querySelectorAll("main canvas")) {
    kinds.push("canvas");
    const table = document.getElementById(canvas.getAttribute("aria-details"))?.querySelector("table");
    if (canvas.getAttribute("role") !== "img" || !name(canvas)) say(canvas, "it has no name");
    if (!table) say(canvas, "there is no table beside it");
    else if (!rowsOf(table).length) say(canvas, "its table is empty");
  }
  for (const svg of document.querySelectorAll("main svg")) {
    if (svg.parentElement.closest("svg")) continue;
    if (svg.getAttribute("aria-hidden") === "true") {
      // An icon says nothing that its button does not; a line on a tile is a column of the table below.
      if (svg.getAttribute("viewBox") === "0 0 20 20") continue;
      if (!svg.children.length) continue;
      kinds.push(svg.getAttribute("class"));
      const tile = svg.closest("div").querySelector("dt").innerText.trim();
      const columns = [...document.querySelectorAll("details.more th")].map((head) => head.innerText.trim());
      if (!columns.includes(COLUMN_OF[tile] ?? tile)) say(svg, `no column of the table tells of “${tile}”`);
      continue;
    }
    kinds.push(svg.getAttribute("class"));
    // What is pressed in an image is for the mouse alone: to others it has no parts.
    const role = svg.querySelector("a") ? "group" : "img";
    if (svg.getAttribute("role") !== role || !name(svg)) { say(svg, "it has no name"); continue; }
    const titles = [...svg.querySelectorAll("title")].map((title) => title.textContent);
    if (svg.closest("td")) {
      for (const title of titles) if (!name(svg).includes(title)) say(svg, `its name leaves out “${title}”`);
      continue;
    }
    const table = svg.closest("section")?.querySelector("details.more > summary ~ div table");
    if (!table) { say(svg, "there is no table beside it"); continue; }
    const rows = rowsOf(table);
    if (rows.length !== titles.length) say(svg, `${titles.length} things are drawn, its table has ${rows.length} rows`);
    titles.forEach((title, at) => {
      const told = title.slice(title.lastIndexOf(": ") + 2);
      const row = numbers((rows[at] ?? []).slice(1).join(" | "));
      const missing = numbers(told.replace(/p\d\d/g, "")).filter((number) => !row.includes(number));
      if (missing.length) say(svg, `row ${at} does not say ${missing.join(", ")} of “${title}”`);
    });
  }
  return { problems, kinds };
}
