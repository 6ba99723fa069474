// Draws the blocks of code that hold diagrams. Without Mermaid they stay what they are: text that can be read.
document.addEventListener("DOMContentLoaded", async () => {
  const mermaid = window.mermaid;
  if (!mermaid) return;
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: "neutral" });
  let number = 0;
  for (const code of document.querySelectorAll("code.language-mermaid")) {
    const place = document.createElement("div");
    place.className = "diagram";
    const { svg } = await mermaid.render(`diagram-${number++}`, code.textContent);
    place.innerHTML = svg;
    code.parentElement.replaceWith(place);
  }
});
