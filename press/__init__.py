"""The press turns chapters and snippets into a site.

    chapter.md + snippet.py  ->  weave  ->  notebook  ->  execute once  ->  page in zh, page in en

Read in this order: `chapters` (what a chapter is, and every mistake one can make in it), `execute` (run a chapter's
cells once, cache what they gave), `records` (outputs kept from a GPU machine), `weave` (prose + cells + outputs to a
notebook), `export` (what a reader downloads), and `hooks` (the only module that knows MkDocs).
"""
