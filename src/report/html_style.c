/* Style and script of the page.  Nothing is loaded from anywhere. */
#include "report/picture.h"

#define COLOURS_LIGHT                                                                              \
    "--paper:#ffffff;--card:#ffffff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--grid:#eaeef2;"   \
    "--trial:#8c959f;--front:#0969da;--limit:#cf222e;--reference:#8250df;--hot:#bc4c00;--wash:#f6f8fa"
#define COLOURS_DARK                                                                               \
    "--paper:#0d1117;--card:#151b23;--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--grid:#262c34;"   \
    "--trial:#767e87;--front:#4493f8;--limit:#f85149;--reference:#ab7df8;--hot:#f0883e;--wash:#1b222c"
#define FONT "system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif"

/* Marks of the pictures, for a page and for a picture alone. */
#define MARKS                                                                                      \
    "text{font-family:" FONT ";fill:var(--soft);font-size:11.5px}"                                 \
    ".mid{text-anchor:middle}.end{text-anchor:end}"                                                \
    ".name{fill:var(--ink);font-size:12.5px}.title{fill:var(--ink);font-size:15px;font-weight:600}" \
    ".note{font-size:11px}.limited{fill:var(--limit);paint-order:stroke;stroke:var(--card);stroke-width:3px}" \
    "path{fill:none}.grid{stroke:var(--grid)}.border{stroke:var(--soft)}"                          \
    ".t{fill:var(--trial);fill-opacity:.75}.i{fill:var(--card);stroke:var(--trial);stroke-opacity:.8}" \
    ".f{fill:var(--front);stroke:var(--card);stroke-width:.8}"                                     \
    ".stairs{stroke:var(--front);stroke-opacity:.45;stroke-width:1.3}"                             \
    ".limit{stroke:var(--limit);stroke-width:1.3}.beyond{fill:var(--limit);fill-opacity:.07}"      \
    ".reference{stroke:var(--reference);stroke-width:1.3;stroke-dasharray:5 4}"                    \
    ".progress{stroke:var(--front);stroke-width:2}.paper{fill:var(--card)}"

const char sofa_svg_style[] =
    ":root{" COLOURS_LIGHT "}@media(prefers-color-scheme:dark){:root{" COLOURS_DARK "}}" MARKS;

const char sofa_html_style[] =
    ":root{color-scheme:light dark;" COLOURS_LIGHT "}\n"
    "@media(prefers-color-scheme:dark){:root{" COLOURS_DARK "}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 " FONT "}\n"
    "main,header,footer{max-width:1460px;margin:0 auto;padding:0 28px}\n"
    "header{padding-top:28px}h1{font-size:26px;margin:0}h2{font-size:18px;margin:36px 0 10px}\n"
    "p{margin:4px 0 12px;max-width:75em}.soft,footer{color:var(--soft)}footer{padding:24px 28px 40px;font-size:13px}\n"
    ".cards{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(400px,100%),1fr))}\n"
    ".cards.small{grid-template-columns:repeat(auto-fill,minmax(min(290px,100%),1fr))}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px;min-width:0}\n"
    ".card h3{font-size:13px;margin:0 0 2px 4px;font-weight:600}\n"
    "svg{display:block;width:100%;height:auto}\n"
    "dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(250px,100%),1fr));gap:12px 28px;margin:18px 0 0}\n"
    "dt{color:var(--soft);font-size:13px}dd{margin:0;overflow-wrap:anywhere}\n"
    ".scroll{overflow:auto;max-height:560px;border:1px solid var(--line);border-radius:8px}\n"
    "table{border-collapse:separate;border-spacing:0;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:5px 12px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}\n"
    "th{position:sticky;top:0;background:var(--wash);border-bottom:1px solid var(--line);font-weight:600}\n"
    "th button{all:unset;cursor:pointer}th button:focus-visible{outline:2px solid var(--front)}\n"
    "th[aria-sort=ascending] button::after{content:' \\25B2'}th[aria-sort=descending] button::after{content:' \\25BC'}\n"
    ".plain th,.plain td{text-align:left}tbody tr:last-child td{border-bottom:0}\n"
    "tr.hot td{background:var(--wash);color:var(--hot)}\n"
    "circle.hot{fill:var(--hot);fill-opacity:1;stroke:var(--hot);stroke-width:3}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 20px;color:var(--soft);font-size:13px;margin-bottom:10px}\n"
    ".legend svg{display:inline-block;width:18px;height:12px;vertical-align:-1px;margin-right:5px}\n"
    "select{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:3px 8px}\n"
    "#tip{position:fixed;z-index:9;display:none;pointer-events:none;white-space:pre;background:var(--card);color:var(--ink);\n"
    "border:1px solid var(--line);border-radius:6px;padding:7px 10px;font-size:12.5px;line-height:1.45;box-shadow:0 4px 16px #0004}\n"
    MARKS "\n"
    "@media print{.scroll{max-height:none}#tip{display:none}}\n";

const char sofa_html_script[] =
    "(function () {\n"
    "'use strict';\n"
    "var trials = JSON.parse(document.getElementById('trials').textContent);\n"
    "var tip = document.getElementById('tip'), hot = null;\n"
    "function mark(id) {\n"
    "  if (id === hot) return;\n"
    "  document.querySelectorAll('.hot').forEach(function (e) { e.classList.remove('hot'); });\n"
    "  hot = id;\n"
    "  if (id !== null)\n"
    "    document.querySelectorAll('[data-i=\"' + id + '\"]').forEach(function (e) { e.classList.add('hot'); });\n"
    "}\n"
    "function place(event) {\n"
    "  var x = event.clientX + 14, y = event.clientY + 14;\n"
    "  if (x + tip.offsetWidth > innerWidth - 8) x = event.clientX - tip.offsetWidth - 14;\n"
    "  if (y + tip.offsetHeight > innerHeight - 8) y = Math.max(8, innerHeight - tip.offsetHeight - 8);\n"
    "  tip.style.left = Math.max(8, x) + 'px';\n"
    "  tip.style.top = y + 'px';\n"
    "}\n"
    "document.addEventListener('mousemove', function (event) {\n"
    "  var at = event.target.closest && event.target.closest('[data-i]');\n"
    "  var id = at ? at.getAttribute('data-i') : null;\n"
    "  mark(id);\n"
    "  tip.style.display = at && at.tagName !== 'TR' ? 'block' : 'none';\n"
    "  if (!at) return;\n"
    "  tip.textContent = trials[id] || '';\n"
    "  place(event);\n"
    "});\n"
    "function key(row, column) {\n"
    "  var v = row.cells[column].getAttribute('data-v'), n = Number(v);\n"
    "  return isNaN(n) ? v : n;\n"
    "}\n"
    "document.querySelectorAll('#front th button').forEach(function (button) {\n"
    "  button.addEventListener('click', function () {\n"
    "    var th = button.parentNode, column = th.cellIndex, body = document.querySelector('#front tbody');\n"
    "    var up = th.getAttribute('aria-sort') !== 'ascending';\n"
    "    document.querySelectorAll('#front th').forEach(function (e) { e.removeAttribute('aria-sort'); });\n"
    "    th.setAttribute('aria-sort', up ? 'ascending' : 'descending');\n"
    "    Array.from(body.rows).sort(function (a, b) {\n"
    "      var x = key(a, column), y = key(b, column), d = x < y ? -1 : x > y ? 1 : 0;\n"
    "      return up ? d : -d;\n"
    "    }).forEach(function (row) { body.appendChild(row); });\n"
    "  });\n"
    "});\n"
    "var choice = document.getElementById('against');\n"
    "function show() {\n"
    "  document.querySelectorAll('[data-y]').forEach(function (e) { e.hidden = e.getAttribute('data-y') !== choice.value; });\n"
    "}\n"
    "if (choice) { choice.addEventListener('change', show); show(); }\n"
    "document.documentElement.setAttribute('data-ready', 'yes');\n"
    "})();\n";
