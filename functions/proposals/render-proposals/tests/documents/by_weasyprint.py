"""What the bench compares with: a document as HTML with the same text, tables, contents and charts, printed by WeasyPrint.

Reads the document as JSON, prints its pages, the median of the milliseconds of a warm process, and the process's peak of memory in kB.
"""

import json
import resource
import statistics
import sys
import time
from html import escape

from weasyprint import HTML

ROUNDS = 4
COLOURS = ["#1f3a5f", "#8090a5", "#2a9d8f", "#a0d0c8", "#5b6673"]
STYLE = """
@page { size: A4; margin: 32mm 24mm 27mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
@page:first { margin: 0; @bottom-right { content: none } }
body { font-family: Inter, sans-serif; font-size: 9.5pt; line-height: 1.45 }
h1 { font-size: 17pt; color: #1f3a5f } h2 { font-size: 11.5pt }
table { width: 100%; border-collapse: collapse; font-size: 8.8pt } tr { break-inside: avoid }
th { text-align: left; border-bottom: 1pt solid #1f3a5f } td { border-bottom: .5pt solid #dde2e8; padding: 2mm }
.right { text-align: right } .chapter { break-before: page }
.toc a::after { content: leader('.') target-counter(attr(href), page) }
.cover { height: 297mm; background: #1f3a5f; color: #fff; padding: 60mm 24mm }
"""


def row(cells, tag="td"):
    return "<tr>" + "".join(f"<{tag} class={align}>{content}</{tag}>" for align, content in cells) + "</tr>"


def pair(item):
    return row([("left", escape(item["label"])), ("left", f"<b>{escape(item['value'])}</b>")])


def cell(content):
    small = f"<br><small>{escape(content['detail'])}</small>" if content["detail"] else ""
    return escape(content["text"]) + small


def table(block):
    aligned = [column["align"] for column in block["columns"]]
    head = row(zip(aligned, (escape(column["title"]) for column in block["columns"])), "th")
    rows = "".join(row(zip(aligned, map(cell, one["cells"]))) for one in block["rows"])
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def gantt(block):
    def bar(one):
        shape = f"<rect x={one['start']} y=0 width={one['days']} height=4 fill='{COLOURS[0]}'/>"
        picture = f"<svg width=240 height=10 viewBox='0 0 {block['days']} 4' preserveAspectRatio=none>{shape}</svg>"
        task = cell({"text": one["task"], "detail": one["who"]})
        return row([("left", task), ("left", escape(one["dates"])), ("left", picture)])

    head = row([("left", "Task"), ("left", "Dates"), ("left", "")], "th")
    return f"<table><thead>{head}</thead><tbody>{''.join(map(bar, block['rows']))}</tbody></table>"


def chart(block):
    shapes = []
    for index, bar in enumerate(block["bars"]):
        top = 180
        for colour, part in zip(COLOURS, bar["parts"]):
            height = part["length"] / 10000 * 170
            top -= height
            shapes.append(f"<rect x={60 + index * 120} y={top} width=60 height={height} fill='{colour}'/>")
    return f"<svg width=450 height=180 viewBox='0 0 450 180'>{''.join(shapes)}</svg>"


def signatures(block):
    lines = "".join(f"<p>{escape(line)}</p>" for line in block["lines"])
    return "".join(f"<p><b>{escape(party)}</b></p>{lines}" for party in block["parties"])


BLOCKS = {
    "heading": lambda block: f"<h2>{escape(block['text'])}</h2>",
    "paragraph": lambda block: f"<p>{escape(block['text'])}</p>",
    "note": lambda block: f"<p>{escape(block['text'])}</p>",
    "facts": lambda block: f"<table>{''.join(map(pair, block['facts']))}</table>",
    "figures": lambda block: f"<table>{''.join(map(pair, block['figures']))}</table>",
    "list": lambda block: "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in block["items"]) + "</ul>",
    "table": table,
    "gantt": gantt,
    "chart": chart,
    "signatures": signatures,
}


def page(document):
    chapters = list(enumerate(document["chapters"]))
    title, client = escape(document["cover"]["title"]), escape(document["cover"]["client"])
    contents = "".join(f"<p><a href='#c{index}'>{escape(chapter['title'])}</a></p>" for index, chapter in chapters)
    text = "".join(
        f"<h1 id=c{index} class={'chapter' if index < 2 else 'next'}>{escape(chapter['title'])}</h1>"
        + "".join(BLOCKS[block["kind"]](block) for block in chapter["blocks"])
        for index, chapter in chapters
    )
    cover = f"<div class=cover><h1>{title}</h1><p>{client}</p></div><div class=toc><h1>Contents</h1>{contents}</div>"
    return f"<html lang=en><head><title>{title}</title><style>{STYLE}</style></head><body>{cover}{text}</body></html>"


def main():
    document = json.load(sys.stdin)
    times = []
    for number in range(ROUNDS):
        # Another text each time, as in the bench.
        document["cover"]["client"] = f"Client {number}"
        source = page(document)
        begun = time.perf_counter()
        laid_out = HTML(string=source).render()
        laid_out.write_pdf()
        times.append((time.perf_counter() - begun) * 1000)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(len(laid_out.pages), round(statistics.median(times[1:]), 1), memory)


main()
