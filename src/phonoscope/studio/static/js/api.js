// What the server offers, and how it says no.

/** The server said no, in one sentence. `status` 0: it did not answer. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const GONE = "The studio does not answer. Start it again with “phonoscope studio”; this page then goes on by itself.";
const MARK = { "X-Phonoscope": "studio" };

async function ask(method, path, body = null, signal = undefined) {
  const headers = method === "GET" ? {} : { ...MARK };
  if (body !== null) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: body === null ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    window.dispatchEvent(new CustomEvent("server-gone"));
    throw new ApiError(GONE, 0);
  }
  const text = await answer.text();
  if (!answer.ok) throw new ApiError(sentence(text, answer.status), answer.status);
  return text ? JSON.parse(text) : null;
}

function sentence(text, status) {
  try {
    return JSON.parse(text).error || `The studio answered with error ${status}.`;
  } catch {
    return `The studio answered with error ${status}.`;
  }
}

const with_ = (path, values) =>
  `${path}?${new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined))}`;
const job = (id) => `/api/jobs/${encodeURIComponent(id)}`;

export const api = {
  config: () => ask("GET", "/api/config"),
  files: (path) => ask("GET", path ? with_("/api/files", { path }) : "/api/files"),
  facts: (path, signal) => ask("GET", with_("/api/facts", { path }), null, signal),
  inspect: (path, settings, signal) => ask("POST", "/api/inspections", { path, settings }, signal),
  start: (path, settings) => ask("POST", "/api/jobs", { path, settings }),
  jobs: () => ask("GET", "/api/jobs"),
  job: (id) => ask("GET", job(id)),
  remove: (id) => ask("DELETE", job(id)),
  cancel: (id) => ask("POST", `${job(id)}/cancel`),
  restart: (id) => ask("POST", `${job(id)}/restart`),
  listen: (id, wanted, signal) => ask("POST", `${job(id)}/listen`, wanted, signal),
  pictureUrl: (path) => with_("/api/picture", { path }),
  frameUrl: (id, t) => with_(`${job(id)}/frame`, { t: t.toFixed(4) }),
  reportUrl: (id, listening) => with_(`${job(id)}/report`, { listening }),
};

export const download = (url) => `${url}${url.includes("?") ? "&" : "?"}download=1`;

/** Stream a file to the server. Returns `{ done, abort }`; fetch() cannot tell how far it is. */
export function upload(file, onProgress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total || file.size);
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(new ApiError(sentence(request.responseText, request.status), request.status));
    };
    request.onerror = () => reject(new ApiError("The file could not be sent; is the studio still running?", 0));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
  });
  request.open("PUT", with_("/api/uploads", { name: file.name }));
  for (const [name, value] of Object.entries(MARK)) request.setRequestHeader(name, value);
  request.send(file);
  return { done, abort: () => request.abort() };
}
