// The page, Try: a video and labels go to /v1, and what comes back becomes bars and moments.

import { ask, clock, drawing, element, get, resultOf } from "./common.js";
import { showTabs } from "./archive.js";

const page = { video: null, file: null, job: null, address: null };

function say(text, isWrong = false) {
  get("state").textContent = text;
  get("state").classList.toggle("wrong", isWrong);
}

function playFrom(seconds) {
  const video = get("video");
  video.currentTime = seconds;
  video.play().catch(() => {}); // a browser may not know this format; the moments are right all the same
}

function showRanking(predictions) {
  if (!predictions.length) return element("p", {}, "None of these.");
  const rows = predictions.map(({ label, score }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, label),
      element("td", { class: "number" }, score.toFixed(3)),
      element(
        "td",
        { class: "share" },
        drawing(
          `${Math.round(100 * score)} %`,
          element("rect", { class: "bar", width: Math.max(0.5, 100 * score), height: 10 }),
        ),
      ),
    ),
  );
  return element("table", {}, element("tbody", {}, ...rows));
}

function showMoments(moments) {
  if (!moments.length) return [element("p", {}, "None of these, at any time.")];
  const end = page.video.duration_seconds || Math.max(...moments.map((one) => one.end_seconds));
  const labels = [...new Set(moments.map((one) => one.label))];
  const spanOf = (one) => `${clock(one.start_seconds)} – ${clock(one.end_seconds)}`;
  const rows = labels.map((label) => {
    const shapes = moments
      .filter((one) => one.label === label)
      .map((one) => {
        const place = {
          class: "moment",
          x: (100 * one.start_seconds) / end,
          width: Math.max(0.5, (100 * (one.end_seconds - one.start_seconds)) / end),
          height: 10,
        };
        const text = `${spanOf(one)}, ${one.score.toFixed(3)}`;
        const shape = element("rect", place, element("title", {}, text));
        shape.addEventListener("click", () => playFrom(one.start_seconds));
        return shape;
      });
    const ground = element("rect", { class: "ground", width: 100, height: 10 });
    const track = element("td", { class: "track" }, drawing(label, ground, ...shapes));
    return element("tr", {}, element("th", { scope: "row" }, label), track);
  });
  const buttons = moments.map((one) => {
    const text = `${spanOf(one)}  ${one.label}  ${one.score.toFixed(3)}`;
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", () => playFrom(one.start_seconds));
    return button;
  });
  return [
    element("table", {}, element("tbody", {}, ...rows)),
    element("div", { class: "moments" }, ...buttons),
  ];
}

function show(kind, document) {
  get("answer_title").textContent =
    kind === "recognize" ? "What the video shows" : "When it happens";
  const shown =
    kind === "recognize"
      ? [showRanking(document.results[0].predictions)]
      : showMoments(document.moments);
  get("result").replaceChildren(...shown);
  get("answer").hidden = false;
  get("answer").scrollIntoView({ block: "nearest" });
}

function follow(job) {
  page.job = job.id;
  get("cancel").hidden = false;
  const { done, total } = job.progress;
  const bar = get("progress");
  bar.hidden = false;
  if (total) [bar.max, bar.value] = [total, Math.min(done, total)];
  else bar.removeAttribute("value");
}

async function store() {
  if (page.video) return;
  say("Sending the video…");
  const form = new FormData();
  form.append("video", page.file);
  page.video = await resultOf(await ask("POST", "/v1/videos", form), follow);
  const { width, height, duration_seconds: seconds, frames_per_second: rate } = page.video;
  if (seconds) get("facts").textContent = `${clock(seconds)}, ${width} × ${height}, ${rate.toFixed(2)} frames a second`;
}

function question(kind) {
  const asked = { video: page.video.id };
  const labels = get("labels").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const set = get("label_set").value;
  if (set) asked.label_set = set;
  else if (labels.length) asked.labels = labels;
  if (kind === "recognize" && get("none").checked) asked.threshold = "auto";
  if (kind === "recognize") asked.top = 20;
  return asked;
}

async function answer(kind) {
  if (!page.file) return say("Choose a video first.", true);
  setBusy(true);
  get("answer").hidden = true;
  try {
    await store();
    say("Looking…");
    show(kind, await resultOf(await ask("POST", `/v1/${kind}`, question(kind)), follow));
    say("");
  } catch (error) {
    refuse(error);
  } finally {
    setBusy(false);
  }
}

function refuse(error) {
  if (error.status === 404) page.video = null; // removed meanwhile: the next question sends it again
  if (error.status === 401) {
    get("session").hidden = false;
    get("token").focus();
  }
  say(error.message, true);
}

function setBusy(isBusy) {
  for (const button of document.querySelectorAll("button[name=kind]")) button.disabled = isBusy;
  if (!isBusy) {
    get("progress").hidden = get("cancel").hidden = true;
    page.job = null;
  }
}

function choose(file) {
  if (!file) return;
  if (page.address) URL.revokeObjectURL(page.address);
  [page.file, page.video, page.address] = [file, null, URL.createObjectURL(file)];
  get("hint").textContent = file.name;
  get("facts").textContent = "";
  get("video").src = page.address;
  get("video").hidden = false;
  get("answer").hidden = true;
  say("");
}

async function describe() {
  try {
    const { document: model } = await ask("GET", "/v1/model");
    get("model").textContent = `${model.name}: good for ${model.good_for}`;
    if (model.labels.length) get("labels").value = model.labels.join("\n");
    get("when").hidden = !model.allows_timelines;
    showTabs(model.has_archive);
    const { document: sets } = await ask("GET", "/v1/labels");
    const options = sets.label_sets.map((name) => element("option", { value: name }, name));
    get("label_set").replaceChildren(get("label_set").options[0], ...options);
  } catch (error) {
    refuse(error);
  }
}

get("file").addEventListener("change", (event) => choose(event.target.files[0]));
get("video").addEventListener("error", () => {
  if (page.file) get("facts").textContent = "This browser does not play this format; asking works all the same.";
  get("video").hidden = true;
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  get("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    get("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") choose(event.dataTransfer.files[0]);
  });
}
get("question").addEventListener("submit", (event) => {
  event.preventDefault();
  answer(event.submitter?.value ?? "recognize");
});
get("cancel").addEventListener("click", () => ask("DELETE", `/v1/jobs/${page.job}`).catch(refuse));
get("session").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await ask("POST", "/v1/session", { token: get("token").value });
    get("session").hidden = true;
    say("");
    await describe();
  } catch (error) {
    say(error.message, true);
  }
});
describe();
