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
