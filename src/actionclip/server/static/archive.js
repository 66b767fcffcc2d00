// The page, Search and Archive, and the tabs: hits play in a grid, and each finds more like it.

import { ask, clock, element, get, resultOf } from "./common.js";

const TABS = ["try", "search", "archive"];
const asked = { like: null, name: "", file: null, next: null, question: null };

export function showTabs(hasArchive) {
  get("tabs").hidden = !hasArchive;
}

function choose(name, takesFocus = false) {
  for (const each of TABS) {
    const tab = get(`tab_${each}`);
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    get(`panel_${each}`).hidden = each !== name;
  }
  if (takesFocus) get(`tab_${name}`).focus();
  for (const video of document.querySelectorAll("video")) video.pause();
  if (name === "archive") describe();
}

function tell(where, text, isWrong = false) {
  get(where).textContent = text;
  get(where).classList.toggle("wrong", isWrong);
}

function pluralOf(number, word) {
  return `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;
}

function setExample({ like = null, file = null, name = "" } = {}) {
  Object.assign(asked, { like, file, name });
  get("example").hidden = !name;
  get("example_name").textContent = name;
  if (!file) get("example_file").value = "";
}

function question() {
  const without = get("without").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const made = { limit: 12 };
  if (get("query").value.trim()) made.text = get("query").value.trim();
  if (without.length) made.without = without;
  if (asked.like) made.like = [asked.like];
  if (get("limited").checked) made.threshold = Number(get("least").value);
  return made;
}

function formOf(values, file) {
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) {
    form.append(name, Array.isArray(value) ? JSON.stringify(value) : value);
  }
  form.append("video", file);
  return form;
}

function play(hit, card) {
  const video = element("video", { controls: "", playsinline: "", "aria-label": hit.name });
  video.muted = true;
  video.src = `/v1/videos/${hit.video}/stream#t=${hit.start_seconds},${hit.end_seconds}`;
  video.addEventListener("error", () => {
    video.replaceWith(element("p", { class: "quiet" }, "This browser does not play this format."));
  });
  card.querySelector(".picture").replaceChildren(video);
  video.focus();
  video.play().catch(() => {}); // the error event says why
}

function cardOf(hit) {
  const span = `${clock(hit.start_seconds)} – ${clock(hit.end_seconds)}`;
  const middle = (hit.start_seconds + hit.end_seconds) / 2;
  const poster = element("img", {
    src: `/v1/videos/${hit.video}/poster?seconds=${middle.toFixed(2)}`,
    alt: "",
    loading: "lazy",
  });
  const start = element("button", { type: "button", class: "start" }, poster);
  start.setAttribute("aria-label", `Play ${hit.name}, ${span}`);
  const more = element("button", { type: "button", class: "plain" }, "More like this");
  more.setAttribute("aria-label", `More like ${hit.name}, ${span}`);
  const copies = hit.copies.length ? `, and ${pluralOf(hit.copies.length, "copy").replace("copys", "copies")}` : "";
  const card = element(
    "li",
    { class: "hit" },
    element("div", { class: "picture" }, start),
    element("p", { class: "name" }, hit.name),
    element("p", { class: "quiet" }, `${span}, ${hit.score.toFixed(3)}${copies}`),
    more,
  );
  start.addEventListener("click", () => play(hit, card));
  more.addEventListener("click", () => {
    setExample({ like: hit.example, name: `${hit.name}, ${span}` });
    get("query").value = "";
    search();
  });
  return card;
}

async function search(offset = 0) {
  if (!offset) asked.question = { values: question(), file: asked.file };
  const { values, file } = asked.question;
  if (!values.text && !values.like && !file) {
    return tell("search_state", "Say what to find, or choose an example.", true);
  }
  tell("search_state", "Searching…");
  get("find").disabled = get("further").disabled = true;
  try {
    const whole = { ...values, offset };
    const body = file ? formOf(whole, file) : whole;
    const answer = await resultOf(await ask("POST", "/v1/search", body));
    if (!offset) get("hits").replaceChildren();
    get("hits").append(...answer.hits.map(cardOf));
    asked.next = answer.next_offset ?? null;
    get("further").hidden = asked.next === null;
    const shown = get("hits").children.length;
    tell("search_state", shown ? `${pluralOf(shown, "moment")}, the best first.` : "Nothing in the archive shows it.");
  } catch (error) {
    tell("search_state", error.message, true);
  } finally {
    get("find").disabled = get("further").disabled = false;
  }
}

async function describe() {
  try {
    const { document: facts } = await ask("GET", "/v1/archive");
    const { document: list } = await ask("GET", "/v1/videos?limit=100");
    const words = [pluralOf(facts.videos, "video"), `${facts.hours.toFixed(2)} hours`];
    if (facts.failed) words.push(`${pluralOf(facts.failed, "file")} could not be read`);
    if (facts.vanished) words.push(`${pluralOf(facts.vanished, "file")} gone`);
    if (facts.is_indexing) words.push("more is being indexed now");
    tell("archive_state", `${words.join(", ")}.`);
    const indexed = list.videos.filter((video) => video.source === "archive");
    get("indexed").replaceChildren(
      ...indexed.map((video) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, video.name),
          element("td", { class: "number" }, clock(video.duration_seconds ?? 0)),
        ),
      ),
    );
    get("failures_part").hidden = !facts.failures.length;
    const failures = facts.failures.map(({ name, error }) =>
      element("li", {}, error.includes(name) ? error : `${name}: ${error}`),
    );
    get("failures").replaceChildren(...failures);
  } catch (error) {
    tell("archive_state", error.message, true);
  }
}

for (const [number, name] of TABS.entries()) {
  get(`tab_${name}`).addEventListener("click", () => choose(name));
  get(`tab_${name}`).addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose(TABS[(number + step + TABS.length) % TABS.length], true);
  });
}
get("finder").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
get("example_file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) setExample({ file, name: file.name });
});
get("no_example").addEventListener("click", () => {
  setExample();
  get("query").focus();
});
get("least").addEventListener("input", () => {
  get("least_value").textContent = Number(get("least").value).toFixed(2);
  get("limited").checked = true;
});
get("further").addEventListener("click", () => search(asked.next));
