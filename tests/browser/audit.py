"""What a person with a screen reader, a keyboard or weak sight would stumble over, found by a
walk through the page as it is drawn. Each finding is a sentence."""

from playwright.sync_api import Page

WALK = r"""() => {
  const found = [];
  const name = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    if (element.getAttribute("aria-label")) return element.getAttribute("aria-label").trim();
    if (element.labels?.length) return [...element.labels].map((one) => one.textContent).join(" ").trim();
    return element.textContent.trim() || element.querySelector("img")?.alt || "";
  };
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const about = (element) => `<${element.tagName.toLowerCase()} class="${element.className}"> ${element.textContent.trim().slice(0, 40)}`;

  for (const element of document.querySelectorAll("button, a, input, select, textarea, summary, [role=treegrid], dialog, nav, aside, figure svg")) {
    if (shown(element) && !name(element)) found.push(`has no name: ${about(element)}`);
  }
  for (const image of document.images) if (!image.hasAttribute("alt")) found.push("an image without alt");
  if (!["id", "en"].includes(document.documentElement.lang)) found.push("no language");
  if (!document.title) found.push("no title");
  if (document.querySelectorAll("main").length !== 1) found.push("not exactly one main");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown);
  if (headings.filter((each) => each.tagName === "H1").length !== 1) found.push("not exactly one h1");
  headings.reduce((before, each) => {
    const level = Number(each.tagName[1]);
    if (level > before + 1) found.push(`heading jumps to ${each.tagName}: ${each.textContent}`);
    return level;
  }, 0);
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids.filter((each, index) => ids.indexOf(each) !== index))) found.push(`id twice: ${id}`);
  for (const table of document.querySelectorAll("table")) {
    if (shown(table) && !table.caption) found.push("a table without caption");
    for (const cell of table.querySelectorAll("th")) if (!cell.scope) found.push(`th without scope: ${cell.textContent}`);
  }
  for (const attribute of ["aria-describedby", "aria-labelledby", "aria-controls", "aria-activedescendant"]) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(" ")) if (!document.getElementById(id)) found.push(`${attribute} names nothing: ${id}`);
    }
  }
  for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) found.push(`tabindex above 0: ${about(element)}`);

  // Contrast of every text on what lies behind it.
  const parse = (text) => {
    const canvas = parse.canvas ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((one) => one / 255).map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, colour) => over(colour, below), [255, 255, 255, 1]);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || seen.has(element)) continue;
    seen.add(element);
    if (!shown(element) || element.closest(":disabled, .visually-hidden, noscript, .skip, svg title")) continue;
    const style = getComputedStyle(element);
    const paint = element.closest("svg") ? style.fill : style.color;
    const ground = behind(element);
    const [one, two] = [light(over(parse(paint), ground)), light(ground)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed) found.push(`contrast ${ratio.toFixed(2)}: ${about(element)}`);
  }
  // A word that the dictionary does not have shows its key.
  const keys = document.body.innerText.match(/(?<![\w./@…-])[a-z]+(\.[a-z_]+)+(?![\w./@])/g) ?? [];
  for (const key of new Set(keys)) found.push(`a missing word: ${key}`);
  if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the window by ${document.documentElement.scrollWidth - innerWidth}`);
  return found;
}"""  # noqa: E501 - another language


def stumbles(page: Page) -> list[str]:
    """Everything that was found on the page as it is now."""
    found: list[str] = page.evaluate(WALK)
    return found
