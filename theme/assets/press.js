// The button under an animated figure: exchanges the moving picture for the still one, and back.
document.addEventListener("click", event => {
  const button = event.target.closest(".motion")
  if (!button) return
  for (const image of button.closest("figure").querySelectorAll("img")) {
    const showing = image.currentSrc || image.src
    image.closest("picture").querySelector("source")?.remove()
    const still = new URL(image.dataset.still ??= image.dataset.other, location).href
    const moving = new URL(image.dataset.moving ??= image.getAttribute("src"), location).href
    image.src = showing === still ? moving : still
  }
})

// The errata page: buttons that show only some of the rows. Within a group any of those pressed will do, between groups all must.
document.addEventListener("click", event => {
  const button = event.target.closest(".errata-filter button")
  if (!button) return
  button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true")
  const filter = button.closest(".errata-filter")
  const wanted = {}
  for (const { dataset } of filter.querySelectorAll("[aria-pressed=true]")) (wanted[dataset.field] ??= []).push(dataset.value)
  const rows = [...document.querySelectorAll(".erratum")]
  for (const row of rows) row.hidden = !Object.entries(wanted).every(([field, values]) => values.includes(row.dataset[field]))
  for (const notes of document.querySelectorAll(".notes")) notes.hidden = !notes.querySelector(".erratum:not([hidden])")
  const status = filter.querySelector("[role=status]")
  const shown = rows.filter(row => !row.hidden).length
  status.textContent = status.dataset.shown.replace("{shown}", shown).replace("{total}", rows.length)
})
