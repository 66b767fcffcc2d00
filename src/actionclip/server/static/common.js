// What all parts of the page share: requests, elements, times, and jobs that are waited for.

const POLL_MS = 300;
export const get = (id) => document.getElementById(id);

export class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function ask(method, path, body) {
  const isForm = body instanceof FormData;
  const response = await fetch(path, {
    method,
    headers: body && !isForm ? { "Content-Type": "application/json" } : {},
    body: body && !isForm ? JSON.stringify(body) : body,
  }).catch(() => {
    throw new Refusal(0, "The service does not answer; is it still running?");
  });
  const text = await response.text();
  const document = text ? JSON.parse(text) : null;
  if (!response.ok) {
    throw new Refusal(response.status, document?.detail ?? response.statusText);
  }
  return { status: response.status, document };
}

export function element(name, attributes = {}, ...children) {
  const isDrawing = ["svg", "rect", "title"].includes(name);
  const made = isDrawing
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function drawing(label, ...shapes) {
  const attributes = { viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img" };
  return element("svg", { ...attributes, "aria-label": label }, ...shapes);
}

export function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export async function resultOf({ status, document }, onJob = () => {}) {
  while (status === 202) {
    onJob(document);
    if (document.state === "done") return document.result;
    if (document.problem) throw new Refusal(document.problem.status, document.problem.detail);
    if (document.state === "cancelled") throw new Refusal(0, "Cancelled.");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    ({ document } = await ask("GET", `/v1/jobs/${document.id}`));
  }
  return document;
}
