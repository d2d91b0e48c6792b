/* SPDX-License-Identifier: Apache-2.0 */
/* See trace_page.h (floor 8). */
#include "cli/trace_page.h"

#include <stdlib.h>
#include <string.h>

#include "bench/json_text.h"
#include "cli/json.h"
#include "cli/page.h"
#include "cli/text.h"

/* The text colour of each sort of cell and, below, the background of cells that the pass changed.
 * Sorts differ in weight and slope too, so that they can be told apart without colours. */
#define STYLE                                         \
  ".s0{fill:#b9b4a8;color:#b9b4a8}"                   \
  ".s1{fill:#1d1d1b;color:#1d1d1b;font-weight:700}"   \
  ".s2{fill:#0b5fa5;color:#0b5fa5}"                   \
  ".s3{fill:#b4520b;color:#b4520b;font-style:italic}" \
  ".s4{fill:#3c7a3c;color:#3c7a3c}"                   \
  ".s5{fill:#7a3c7a;color:#7a3c7a}"
static const char written[] = "#fdf0c4", erased[] = "#f6d9d5";

/* ---- SVG ------------------------------------------------------------------------------------- */

/* Pixels of a cell, of margins and of a caption; panels in all and in a row at most. */
enum { CELL = 28, MARGIN = 24, CAPTION = 30, MOST_PANELS = 12, ACROSS = 4 };

/* Draws the lines of a board at (x, y): all of them thin, or those of its border and blocks
 * thick. */
static void lines(FILE *to, const pal_picture *b, int x, int y, bool thick) {
  const int w = b->columns * CELL, h = b->rows * CELL;
  fprintf(to, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" d=\"",
          thick ? "#1d1d1b" : "#cfcabd", thick ? "1.8" : "0.8");
  for (int r = 0; r <= b->rows; r++)
    if (!thick || r % b->rows == 0 || (b->block && r % b->block == 0))
      fprintf(to, "M%d %dh%d", x, y + r * CELL, w);
  for (int c = 0; c <= b->columns; c++)
    if (!thick || c % b->columns == 0 || (b->block && c % b->block == 0))
      fprintf(to, "M%d %dv%d", x + c * CELL, y, h);
  fprintf(to, "\" stroke-linecap=\"square\"/>\n");
}

/* Draws state k with its caption at (x, y). */
static void panel(FILE *to, const cli_trace *t, int k, int x, int y) {
  const pal_picture *b = &t->state[k], *before = k ? &t->state[k - 1] : NULL;
  char caption[96];
  cli_trace_caption(t, k, caption, sizeof caption);
  fprintf(to, "<text class=\"caption\" x=\"%d\" y=\"%d\">%s</text>\n", x, y - 9, caption);
  for (int i = 0; before && i < b->rows * b->columns; i++)
    if (before->sort[i] != b->sort[i] || before->glyph[i] != b->glyph[i])
      fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n",
              x + i % b->columns * CELL, y + i / b->columns * CELL, CELL, CELL,
              b->sort[i] ? written : erased);
  lines(to, b, x, y, false);
  lines(to, b, x, y, true);
  for (int i = 0; i < b->rows * b->columns; i++) {
    if (!b->sort[i]) continue;
    fprintf(to, "<text class=\"s%d\" x=\"%d\" y=\"%d\">", b->sort[i],
            x + i % b->columns * CELL + CELL / 2, y + i / b->columns * CELL + CELL / 2 + 6);
    cli_page_text(to, (const char[]){b->glyph[i], 0});
    fprintf(to, "</text>\n");
  }
}

pal_status cli_trace_svg(const cli_trace *t, const char *path, pal_error *error) {
  const pal_picture *b = t->state;
  cli_page page;
  if (cli_page_open(&page, error)) return error->code;
  const int panels = t->n < MOST_PANELS ? t->n : MOST_PANELS;
  const int across = panels < ACROSS ? panels : ACROSS, down = (panels + across - 1) / across;
  const int wide = b->columns * CELL + MARGIN, high = b->rows * CELL + MARGIN + CAPTION;
  const int width = across * wide + MARGIN, height = down * high + 2 * MARGIN;
  fprintf(
      page.to,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n",
      width, height, width, height);
  fprintf(page.to, "<title>%s: %s</title>\n", t->job->task_name, t->verdict);
  fprintf(
      page.to,
      "<style>text{font:17px 'Helvetica Neue',Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;"
      "text-anchor:middle}.caption{font-size:13px;text-anchor:start;fill:#1d1d1b}"
      ".key{font-size:14px;text-anchor:start}%s</style>\n",
      STYLE);
  fprintf(page.to, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fffefb\"/>\n");
  for (int i = 0; i < panels; i++) {
    const int k = panels > 1 ? (int)((int64_t)i * (t->n - 1) / (panels - 1)) : 0;
    panel(page.to, t, k, MARGIN + i % across * wide, CAPTION + i / across * high);
  }
  fprintf(page.to, "<text class=\"key\" x=\"%d\" y=\"%d\">", MARGIN, height - MARGIN);
  for (int s = 1; s < b->sorts; s++)
    fprintf(page.to, "<tspan class=\"s%d\" dx=\"%d\">%s</tspan>", s, s > 1 ? 14 : 0,
            b->sort_name[s]);
  fprintf(page.to, "<tspan dx=\"28\" fill=\"#1d1d1b\">%s</tspan></text>\n</svg>\n", t->verdict);
  return cli_page_save(&page, path, error);
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Palimpsest: a trace</title>\n"
    "<style>\n"
    ":root{font:16px/1.45 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;color:#1d1d1b;background:#fffefb}\n"
    "body{max-width:44rem;margin:2.5rem auto;padding:0 1rem}h1{font-size:1.3rem;font-weight:600;margin:0 0 .2rem}\n"
    "p{margin:.3rem 0;font-variant-numeric:tabular-nums}\n"
    "table{border-collapse:collapse;margin:1.2rem 0;border:2px solid #1d1d1b}\n"
    "td{width:var(--cell);height:var(--cell);padding:0;text-align:center;border:1px solid #cfcabd;"
    "font-size:calc(var(--cell)*.58);line-height:1;font-variant-numeric:lining-nums tabular-nums}\n"
    "td.right{border-right:2px solid #1d1d1b}td.below{border-bottom:2px solid #1d1d1b}\n"
    "td.new{background:#fdf0c4}td.gone{background:#f6d9d5}td.s0{color:transparent}\n"
    ".key span{margin-right:1.1em}input{width:100%;max-width:30rem;accent-color:#0b5fa5}\n"
    "button{font:inherit;padding:.1rem .7rem;margin-right:.3rem}small{color:#6b675e}\n" STYLE
    "\n</style></head><body>\n"
    "<h1 id=\"title\"></h1><p class=\"key\" id=\"key\"></p><table id=\"board\"></table>\n"
    "<p id=\"caption\" aria-live=\"polite\"></p>\n"
    "<p><input type=\"range\" id=\"pass\" min=\"0\" value=\"0\" aria-label=\"pass\"></p>\n"
    "<p><button id=\"back\">&#8592;</button><button id=\"on\">&#8594;</button><button id=\"play\">play</button>"
    "<small>arrow keys, Home, End, space</small></p>\n<script>\nconst trace = ";

static const char script[] =
    ";\n'use strict';\n"
    "const $=id=>document.getElementById(id),n=trace.states.length,cells=[];\n"
    "let at=0,timer=null;\n"
    "$('title').textContent=trace.title;\n"
    "document.body.style.setProperty('--cell',`min(${trace.columns>9?1.7:2.6}rem,${90/trace.columns}vw)`);\n"
    "trace.sorts.forEach((name,i)=>{if(!i)return;const e=document.createElement('span');e.className='s'+i;"
    "e.textContent=name;$('key').append(e)});\n"
    "for(let r=0;r<trace.rows;r++){const row=$('board').insertRow();for(let c=0;c<trace.columns;c++)"
    "cells.push(row.insertCell())}\n"
    "function changes(k){let w=0,m=0,o=0;if(k){const a=trace.states[k-1],b=trace.states[k];"
    "for(let i=0;i<cells.length;i++){const x=a.sort[i]!=='0',y=b.sort[i]!=='0';"
    "if(!x&&y)w++;else if(x&&!y)m++;else if(a.sort[i]!==b.sort[i]||a.glyph[i]!==b.glyph[i])o++}}return[w,m,o]}\n"
    "function show(k){at=Math.max(0,Math.min(n-1,k));const s=trace.states[at],b=at?trace.states[at-1]:s;\n"
    "cells.forEach((e,i)=>{const r=Math.floor(i/trace.columns),c=i%trace.columns,K=trace.block;"
    "const changed=s.sort[i]!==b.sort[i]||s.glyph[i]!==b.glyph[i];e.textContent=s.glyph[i];"
    "e.className='s'+s.sort[i]+(changed?s.sort[i]==='0'?' gone':' new':'')"
    "+(K&&c%K===K-1?' right':'')+(K&&r%K===K-1?' below':'')});\n"
    "const[w,m,o]=changes(at);$('caption').textContent=(at?`pass ${at} of ${n-1}: ${w} written, ${m} remasked`"
    "+(o?`, ${o} rewritten`:''):'start')+(at===n-1?' \\u2014 '+trace.verdict:'');$('pass').value=at}\n"
    "function play(on){clearInterval(timer);timer=null;if(on){if(at===n-1)show(0);"
    "timer=setInterval(()=>at<n-1?show(at+1):play(false),Math.min(400,20000/n))}"
    "$('play').textContent=timer?'stop':'play'}\n"
    "$('pass').max=n-1;$('pass').oninput=e=>{play(false);show(+e.target.value)};\n"
    "$('back').onclick=()=>{play(false);show(at-1)};$('on').onclick=()=>{play(false);show(at+1)};"
    "$('play').onclick=()=>play(!timer);\n"
    "document.onkeydown=e=>{const to={ArrowLeft:at-1,ArrowRight:at+1,Home:0,End:n-1}[e.key];"
    "if(to!==undefined){e.preventDefault();play(false);show(to)}"
    "else if(e.key===' '&&e.target.tagName!=='BUTTON'){e.preventDefault();play(!timer)}};\n"
    "show(0);\n</script></body></html>\n";

static json_t *json_of(const cli_trace *t) {
  const pal_picture *b = t->state;
  const int cells = b->rows * b->columns;
  char sort[PAL_PICTURE_CELLS];
  pal_error ignored = {0}; /* a missing title makes the whole page fail below */
  char *title =
      cli_print(&ignored, "%s, %s: %s", t->job->task_name, t->job->model_name, t->verdict);
  json_t *names = json_array(), *states = json_array();
  for (int s = 0; s < b->sorts; s++) cli_json_append(&names, cli_json_text(b->sort_name[s]));
  for (int k = 0; k < t->n; k++) {
    for (int i = 0; i < cells; i++) sort[i] = (char)('0' + t->state[k].sort[i]);
    cli_json_append(&states, json_pack("{s:s%, s:s%}", "glyph", t->state[k].glyph, (size_t)cells,
                                       "sort", sort, (size_t)cells));
  }
  json_t *all =
      json_pack("{s:o, s:o, s:i, s:i, s:i, s:o, s:o}", "title", title ? cli_json_text(title) : NULL,
                "verdict", cli_json_text(t->verdict), "rows", b->rows, "columns", b->columns,
                "block", b->block, "sorts", names, "states", states);
  free(title);
  return all;
}

pal_status cli_trace_html(const cli_trace *t, const char *path, pal_error *error) {
  json_t *all = json_of(t);
  char *text = bench_json_text(all, JSON_COMPACT);
  json_decref(all);
  if (!text) return pal_fail(error, PAL_E_MEMORY, "%s: no memory for the page", path);
  cli_page page;
  pal_status status = cli_page_open(&page, error);
  if (!status) {
    fprintf(page.to, "%s", head);
    for (const char *c = text; *c; c++) /* "</script>" in a text must not end the script */
      if (*c == '<') fprintf(page.to, "\\u003c");
      else fputc(*c, page.to);
    fprintf(page.to, "%s", script);
    status = cli_page_save(&page, path, error);
  }
  free(text);
  return status;
}
