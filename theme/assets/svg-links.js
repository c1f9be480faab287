// Material takes every link for an HTML one, whose `href` is a text; those of a drawn map are SVG's. Runs before Material's own script.
for (const kind of [SVGAElement, SVGUseElement]) Object.defineProperty(kind.prototype, "href", {get() { return new URL(this.getAttribute("href"), document.baseURI).href }, set() {}})
