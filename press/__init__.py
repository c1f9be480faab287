"""The press turns chapters and snippets into a book, and the book into a site.

    docs + snippets  ->  read, check  ->  execute  ->  weave  ->  book  ->  mkdocs-jupyter, Material  ->  site

Read in this order: `project`, `chapters`, `cells` (what there is), `check` (every mistake one can make), `execute` and `run` (cells in
kernels), `weave` (prose + cells + outputs), `stage` (the book), `hooks` (MkDocs). CONTRIBUTING.md has the picture.
"""
